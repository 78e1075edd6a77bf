"""Connections whose instance is unknown, or in doubt, are asked again in their own thread.

A server may be renamed under its open connections, and its name may become another server's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aurora_otel.drivers.protocol import Driver
from aurora_otel.hooks.identification import Identification, Identity
from aurora_otel.hooks.placement import Placement
from aurora_otel.model.endpoints import Endpoint
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.runtime import sockets
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

    def identify(self, track: Track) -> Steps[None]:
        """Ask a connection that is to be asked, if it can be now, and move it to its instance."""
        connection, driver = track(), self._drivers.get(track.group.driver)
        if connection is None or driver is None or track.endpoint is None:
            return
        if not self._is_due(track, driver, track.endpoint):
            return
        began = self._context.clock()
        identity = yield from self._identification.ask(
            driver, connection, track.endpoint, self._context.config.settings.identify_timeout
        )
        if identity.answer is None:
            return
        track.doubted = False
        if identity.answer.instance == track.instance:
            return
        cluster = self._move(track, driver, identity, identity.answer.instance)
        located = replace(identity, peer=track.peer)
        yield from self._placement.check(cluster, located, began)
        if track.is_tracked and cluster.detector.staleness(track):
            # A verdict of before did not know that it was.
            yield cluster.monitor.refresh_for_stale_connection()

    def _is_due(self, track: Track, driver: Driver, endpoint: Endpoint) -> bool:
        return (
            (track.instance is None or track.doubted)
            and track.is_tracked
            and not (track.closed or track.lost or track.in_flight_since)
            and self._identification.may_ask(driver, endpoint)
            # One whose server has hung up would count as one that does not answer.
            and not (track.socket and sockets.has_hung_up(track.socket))
        )

    def _move(self, track: Track, driver: Driver, identity: Identity, instance: str) -> Cluster:
        former = track.cluster.monitor
        cluster = self._placement.cluster_of(driver, identity, is_fresh=False)
        if cluster.monitor.access is None and not former.login_rejected:
            # It is not known by a connection of its own yet.
            same = (each for each in former.logins if each.endpoint == track.endpoint)
            if access := next(same, former.access):
                cluster.monitor.connected(access)
        group = track.group
        if cluster is track.cluster:
            group = self._placement.group_of(driver.name, cluster, identity)
        self._context.tracker.note_identity(track, instance, cluster, group)
        return cluster
