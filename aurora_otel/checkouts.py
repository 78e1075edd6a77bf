"""Checkouts of pooled connections: may this one be handed out?"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from aurora_otel import cleanup
from aurora_otel.clusters import Cluster
from aurora_otel.drivers.protocol import ATTRIBUTE
from aurora_otel.failover import Surroundings
from aurora_otel.refresh import Refresher
from aurora_otel.settings import Mode
from aurora_otel.symptoms import Symptom
from aurora_otel.tracker import Track


class Checkouts:
    """Judges the connections of pools.

    Args:
        surroundings: what it works with.
        refreshers: by cluster.
    """

    def __init__(self, surroundings: Surroundings, refreshers: Mapping[Cluster, Refresher]) -> None:
        self._around = surroundings
        self._refreshers = refreshers

    def is_usable(self, connection: Any) -> bool:
        """Whether a pool may hand `connection` out; looks at the topology first, if one is due."""
        shield = self._around.now.shield
        if shield.is_inside:
            return True
        return shield.run("judge a pooled connection", self._judge, connection) is not False

    def is_invalidated(self, connection: Any) -> bool:
        """Whether we have taken `connection` out of use; looks at nothing."""
        shield = self._around.now.shield
        return shield.run("judge a connection that failed", self._was_taken_out, connection) is True

    def _was_taken_out(self, connection: Any) -> bool:
        track = _track_of(connection)
        return track is not None and self._is_out_of_use(track)

    def _judge(self, connection: Any) -> bool:
        track = _track_of(connection)
        if track is None or not track.cluster.is_ours:
            return True
        if track.is_tracked and track.socket and cleanup.has_hung_up(track.socket):
            self._note_hang_up(track)
        if track.cluster.alert:
            self._refreshers[track.cluster].look_if_due(wait=True)
        return not self._is_out_of_use(track)

    def _is_out_of_use(self, track: Track) -> bool:
        if self._around.now.settings.mode is Mode.OBSERVE or not track.cluster.is_ours:
            return False
        return track.hung_up or track.is_out_of_use

    def _note_hang_up(self, track: Track) -> None:
        track.hung_up = True
        self._around.tracker.note(track)
        if track.cluster.is_aurora:
            # Nobody needs the answer now: this connection is replaced, whatever it says.
            refresher = self._refreshers[track.cluster]
            refresher.symptom(Symptom.HUNG_UP, suspect=track.instance, wait=False)


def _track_of(connection: Any) -> Track | None:
    track = getattr(connection, ATTRIBUTE, None)
    if isinstance(track, Track):
        return track
    # A C type may take no attribute; but a track is a weak reference to its connection.
    found = (each for each in weakref.getweakrefs(connection) if isinstance(each, Track))
    return next(found, None)
