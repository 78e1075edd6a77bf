"""Checkouts of pooled connections: may this one be handed out?"""

from __future__ import annotations

from typing import Any

from aurora_otel.drivers.marks import track_of
from aurora_otel.hooks.reidentification import Reidentification
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.runtime import sockets
from aurora_otel.runtime.effects import Steps
from aurora_otel.settings import Mode
from aurora_otel.tracking.track import State, Track


class Checkouts:
    """Judges the connections of pools.

    Args:
        context: what it works with.
        reidentification: asks connections whose instance is unknown.
    """

    def __init__(self, context: AgentContext, reidentification: Reidentification) -> None:
        self._context = context
        self._reidentification = reidentification

    def is_usable(self, connection: Any) -> Steps[bool]:
        """Return whether a pool may hand `connection` out; refresh first, if that is due."""
        shield = self._context.config.shield
        if shield.is_inside:
            return True
        judged = yield from shield.steps("judge a pooled connection", self._judge, connection)
        return judged is not False

    def is_plainly_usable(self, connection: Any) -> bool:
        """Return whether nothing is in doubt about `connection`: so it is at nearly each checkout.

        This reads, and asks the kernel once; so it needs neither steps nor a shield.
        """
        track = track_of(connection)
        return (
            track is not None
            and track.is_tracked
            and track.instance is not None
            and not (track.hung_up or track.doubted or track.shutdown_failed)
            and track.cluster.is_ours
            and not track.cluster.alert
            and track.socket is not None
            and not sockets.has_hung_up(track.socket)
        )

    def is_gone(self, connection: Any) -> bool:
        """Return whether the socket of `connection` is closed, unknown to the agent.

        A loop closes the socket of an idle connection whose end it hears of. Its number then stands
        for none, or for another one, and shows no hang-up.
        """
        track = track_of(connection)
        return (
            track is not None
            and sockets.is_gone(track.socket)
            and self._context.config.settings.mode is not Mode.OBSERVE
        )

    def is_invalidated(self, connection: Any) -> bool:
        """Return whether the agent has invalidated `connection`, without checking its socket."""
        shield = self._context.config.shield
        return (
            shield.run("judge a connection that failed", self._was_invalidated, connection) is True
        )

    def _was_invalidated(self, connection: Any) -> bool:
        track = track_of(connection)
        return track is not None and self._is_unusable(track)

    def _judge(self, connection: Any) -> Steps[bool]:
        track = track_of(connection)
        if track is None or not track.cluster.is_ours:
            return True
        if track.is_tracked and track.socket and sockets.has_hung_up(track.socket):
            self._note_hang_up(track)
        if not track.hung_up:
            yield from self._reidentification.identify(track)
        if track.cluster.alert and (refreshed := track.cluster.monitor.refresh_if_due(wait=True)):
            yield refreshed
        return not self._is_unusable(track)

    def _is_unusable(self, track: Track) -> bool:
        if not track.cluster.is_ours:
            return False
        if self._context.config.settings.mode is Mode.OBSERVE:
            # The agent itself closed it, before the mode changed.
            return track.state is State.INVALIDATED
        return track.hung_up or track.is_unusable

    def _note_hang_up(self, track: Track) -> None:
        track.hung_up = True
        track.cluster.monitor.lost([track])
        self._context.tracker.note(track)
        if track.cluster.has_topology:
            # The answer is not needed now: this connection is replaced, whatever it says.
            monitor = track.cluster.monitor
            monitor.symptom(Symptom.HUNG_UP, suspect=track.instance, wait=False)
