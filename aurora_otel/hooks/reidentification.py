"""Connections whose instance is unknown, or in doubt, are asked again in their own thread.

A server may be renamed under its open connections, and its name may become another server's.
"""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.drivers.protocol import Driver
from aurora_otel.hooks.contradictions import check_answer
from aurora_otel.hooks.identification import Identification, Identity
from aurora_otel.hooks.placement import Placement
from aurora_otel.model.endpoints import Endpoint
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.monitor import ClusterMonitor
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

    def identify(self, track: Track, *, may_wait: bool = False) -> Steps[None]:
        """Ask a connection that is to be asked, if it can be now, and move it to its instance.

        Args:
            track: the connection.
            may_wait: whether a slow server is waited for, within REFRESH_TIMEOUT.
        """
        connection, driver = track(), self._drivers.get(track.group.driver)
        if connection is None or driver is None or track.endpoint is None:
            return
        if self._awaits_server(track, driver, track.endpoint):
            waiting = track.cluster.monitor.ask_slow_server(track.endpoint.address)
            if may_wait and waiting is not None:
                yield waiting
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
        if track.instance is not None:
            self._doubt_others(track, track.instance, began)
        cluster = self._move(track, driver, identity, identity.answer.instance)
        located = identity._replace(peer=track.peer)
        yield from check_answer(cluster, located, began)
        if track.is_tracked and cluster.detector.staleness(track):
            # A verdict of before did not know that it was.
            yield cluster.monitor.refresh_for_stale_connection()

    def _awaits_server(self, track: Track, driver: Driver, endpoint: Endpoint) -> bool:
        """Return whether its server was slow, and only the agent's own connection can ask it."""
        return (
            _is_in_doubt(track)
            and not driver.postpones_answers
            and self._context.servers.awaits_answer(endpoint.address, self._context.clock())
        )

    def _is_due(self, track: Track, driver: Driver, endpoint: Endpoint) -> bool:
        return (
            _is_in_doubt(track)
            and self._identification.may_ask(driver, endpoint)
            # One whose server has hung up would count as one that does not answer.
            and not (track.socket and sockets.has_hung_up(track.socket))
        )

    def _doubt_others(self, track: Track, instance: str, now: float) -> None:
        """Have the other connections to the same server asked, too: it has another name now."""
        if self._context.tracker.doubt(track, instance, now):
            window = self._context.config.settings.refresh_window
            track.cluster.identify_until(now + window)

    def _move(self, track: Track, driver: Driver, identity: Identity, instance: str) -> Cluster:
        former = track.cluster.monitor
        cluster = self._placement.cluster_of(driver, identity, is_fresh=False)
        _hand_over_login(former, cluster.monitor, identity.endpoint)
        group = track.group
        if cluster is track.cluster:
            group = self._placement.group_of(driver.name, cluster, identity)
        self._context.tracker.note_identity(track, instance, cluster, group)
        return cluster


def _hand_over_login(former: ClusterMonitor, monitor: ClusterMonitor, endpoint: Endpoint) -> None:
    """Have a cluster asked where a connection leads that was moved to it: the writer may be there.

    It may be known by connections through other hosts alone, or by none of its own.
    """
    host, known = endpoint.address, monitor.logins
    if former.login_rejected or any(each.endpoint.address == host for each in known):
        return
    same = (each for each in former.logins if each.endpoint.address == host)
    if access := next(same, None if known else former.access):
        monitor.connected(access)


def _is_in_doubt(track: Track) -> bool:
    return (
        (track.instance is None or track.doubted)
        and track.is_tracked
        and not (track.closed or track.lost or track.in_flight_since)
    )
