"""Connections whose instance is unknown, or in doubt, are asked again in their own thread.

A server may be renamed under its open connections, and its name may become another server's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aurora_otel.drivers.protocol import Driver
from aurora_otel.hooks.identification import Identification, Identity
from aurora_otel.hooks.placement import Placement
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.runtime.effects import Steps
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import Track


class Reidentification:
    """Asks connections again on which instance they are, where they can be asked.

    Args:
        context: what it works with.
        identification: finds out where a connection landed.
        placement: finds out where it belongs.
        drivers: by name, those that connected.
    """

    def __init__(
        self,
        context: AgentContext,
        identification: Identification,
        placement: Placement,
        drivers: Mapping[str, Driver],
    ) -> None:
        self._context = context
        self._identification = identification
        self._placement = placement
        self._drivers = drivers

    def identify(self, track: Track, *, is_doubted: bool = False) -> Steps[None]:
        """Ask a connection, if it can be asked now, and move it to its instance.

        Args:
            track: the connection.
            is_doubted: whether to ask it also where its instance is known.
        """
        if not self._is_due(track, is_doubted=is_doubted):
            return
        connection, driver = track(), self._drivers.get(track.group.driver)
        if connection is None or driver is None or track.endpoint is None:
            return
        began = self._context.clock()
        identity = yield from self._identification.ask(
            driver, connection, track.endpoint, self._context.config.settings.identify_timeout
        )
        if identity.answer is None or identity.answer.instance == track.instance:
            return
        cluster = self._move(track, driver, identity, identity.answer.instance)
        located = replace(identity, peer=track.peer)
        yield from self._placement.check(cluster, located, began)
        if track.is_tracked and cluster.detector.staleness(track):
            # A verdict of before did not know that it was.
            yield cluster.monitor.refresh_for_stale_connection()

    def _is_due(self, track: Track, *, is_doubted: bool) -> bool:
        return (
            track.endpoint is not None
            and (track.instance is None or is_doubted)
            and track.is_tracked
            and not (track.closed or track.lost or track.in_flight_since)
            and self._identification.may_ask(track.endpoint)
        )

    def _move(self, track: Track, driver: Driver, identity: Identity, instance: str) -> Cluster:
        cluster = self._placement.cluster_of(driver, identity, is_fresh=False)
        group = track.group
        if cluster is track.cluster:
            group = self._placement.group_of(driver.name, cluster, identity)
        self._context.tracker.note_identity(track, instance, cluster, group)
        return cluster
