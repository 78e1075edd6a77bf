"""Opening a connection: it is identified, replaced if it is misrouted, and tracked."""

from __future__ import annotations

import time
from typing import Any

from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.semconv.attributes.db_attributes import DB_SYSTEM_NAME
from opentelemetry.semconv.attributes.network_attributes import (
    NETWORK_PEER_ADDRESS,
    NETWORK_PEER_PORT,
)
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.trace import SpanContext

from aurora_otel.discovery.source import goes_by_address, hears_all
from aurora_otel.drivers.connects import Attempt, Opening
from aurora_otel.drivers.protocol import Driver
from aurora_otel.hooks.contradictions import check_answer
from aurora_otel.hooks.identification import Identification, Identity
from aurora_otel.hooks.misrouting import Misrouting, reached
from aurora_otel.hooks.new_connection import NewConnection
from aurora_otel.hooks.placement import Placement
from aurora_otel.model import single_names
from aurora_otel.model.endpoints import Endpoint, EndpointType
from aurora_otel.model.groups import Group
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Role
from aurora_otel.monitoring.access import Access
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.runtime import sockets
from aurora_otel.runtime.effects import Steps
from aurora_otel.telemetry import log, names
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.routes import Route
from aurora_otel.tracking.track import Track


class Openings:
    """Receives every new connection.

    Attributes:
        drivers: by name, those that connected.

    Args:
        context: what it works with.
        identification: finds out where a connection landed.
        placement: finds out where it belongs.
    """

    def __init__(
        self, context: AgentContext, identification: Identification, placement: Placement
    ) -> None:
        self.drivers: dict[str, Driver] = {}
        self._context = context
        self._identification = identification
        self._placement = placement
        self._misrouting = Misrouting(context, placement, self._identify)

    def receive(
        self,
        driver: Driver,
        opening: Opening,
        attempt: Attempt | None = None,
        route: Route | None = None,
    ) -> Steps[Any]:
        """Identify and track a new connection; return the one to hand to the application.

        Args:
            driver: of the connection.
            opening: the connection.
            attempt: the connect that it came of, where the agent carries that out.
            route: by which it was opened, if it went straight to the writer.

        Raises:
            BaseException: the application gets no connection, and none is left behind: what
                connecting again met, or an interrupt.
        """
        if opening.hosts:
            self._context.servers.expect(opening.hosts)
        shield = self._context.config.shield
        new = NewConnection(driver, opening, self._context.clock(), attempt, route)
        try:
            identity = yield from self._identify(new)
            if new.route is not None and not reached(new.route, identity):
                identity = yield from self._misrouting.go_back(new, new.route, identity)
            if identity is not None and identity.is_misrouted:
                identity = yield from self._misrouting.reroute(new, identity)
            if identity is not None:
                yield from shield.steps("track a connection", self._track, new, identity)
        except BaseException:
            new.discard(shield)
            self._note_discarded(new)
            raise
        return new.opening.connection

    def _identify(self, new: NewConnection) -> Steps[Identity | None]:
        """Return where the connection landed; connect again if it was lost over the question."""
        context = self._context
        while True:
            identity = yield from context.config.shield.steps(
                "identify a connection",
                self._identification.identify,
                new.driver,
                new.opening,
                context.clusters.endpoints,
                context.config.settings.identify_timeout,
                is_known=self._is_known,
            )
            if identity is None or not identity.dropped or new.route is not None:
                return identity
            new.discard(context.config.shield)
            yield from new.reconnect()

    def _is_known(self, endpoint: Endpoint) -> bool:
        """Return whether the topology behind an instance endpoint was read before."""
        return self._context.clusters.knows(endpoint, self._context.clock())

    def _track(self, new: NewConnection, identity: Identity) -> Steps[None]:
        driver, opening, context = new.driver, new.opening, self._context
        descriptor = driver.fileno(opening.connection)
        identity = identity._replace(peer=sockets.peer(descriptor))
        cluster = self._placement.cluster_of(driver, identity)
        if goes_by_address(cluster.source) and identity.answer is None:
            # Its name is that of no instance.
            identity = identity._replace(endpoint=single_names.explained(identity.endpoint))
        cluster.monitor.connected(Access(driver, opening.login, identity.endpoint))
        if hears_all(identity.source):
            cluster.note_places(opening.hosts)
            if _note_lead(cluster, identity, context.clock()):
                cluster.monitor.host_moved()
        group = self._placement.group_of(driver.name, cluster, identity)
        if new.attempt is not None and new.attempt.straight and _is_writer(identity):
            context.routes.note_name(cluster, identity.endpoint.address)
        attributes = {
            **cluster.attributes,
            names.INSTANCE_ID: group.instance,
            names.INSTANCE_ROLE: group.role.value,
            names.ENDPOINT_TYPE: group.endpoint_type.value,
            names.DRIVER: group.driver,
        }
        is_asked_later = driver.accepts_questions(opening.connection, opening.login)
        track = Track(
            opening.connection,
            context.tracker.collected,
            group=group,
            cluster=cluster,
            instance=identity.instance,
            opened_at=context.clock(),
            socket=sockets.identify(descriptor),
            opened_in=self._report_opening(identity, new, attributes),
            endpoint=identity.endpoint if is_asked_later else None,
            peer=identity.peer,
        )
        driver.mark(opening.connection, track)
        new.track = track
        self.drivers[driver.name] = driver
        context.tracker.note(track)
        if not cluster.awaits_name:
            self._measure(group, opening.began)
        if new.route is not None:
            context.tracker.note_straight(group, new.route.reason)
        log.tracked(attributes)
        if identity.postponed:
            # Its first call asks, if the server is quick again by then.
            cluster.identify_until(context.clock() + context.config.settings.refresh_window)
            if identity.at is not None:
                # But none asks whose name is known; and it is at another address than the writer.
                cluster.monitor.symptom(Symptom.TOPOLOGY, suspect=None, wait=False)
        yield from check_answer(cluster, identity, new.began, is_reported=identity.is_misrouted)

    def _note_discarded(self, new: NewConnection) -> None:
        """Count a connection as closed that was tracked already, and that the application lacks.

        A driver's file drops it past the hooks: it would count as one that the application leaked.
        """
        if new.track is not None:
            new.track.closed = True
            self._context.tracker.note(new.track)

    def _measure(self, group: Group, began: int) -> None:
        attributes = {names.CLUSTER_ID: group.cluster, DB_SYSTEM_NAME: group.system}
        attributes |= {names.INSTANCE_ID: group.instance, names.DRIVER: group.driver}
        # The wall clock may have been set meanwhile.
        seconds = max(0.0, (time.time_ns() - began) / 1e9)
        self._context.config.instruments.record(names.OPEN_DURATION, seconds, attributes)

    def _report_opening(
        self, identity: Identity, new: NewConnection, attributes: dict[str, str]
    ) -> SpanContext | None:
        if not is_instrumentation_enabled():
            return None
        host, port = identity.endpoint.address
        shown: dict[str, Any] = {**attributes, SERVER_ADDRESS: host, SERVER_PORT: port}
        if identity.peer is not None:
            shown[NETWORK_PEER_ADDRESS] = identity.peer.host
            shown[NETWORK_PEER_PORT] = identity.peer.port
        if new.route is not None:
            shown[names.STRAIGHT_REASON] = new.route.reason.value
        return self._context.config.spans.track_connection(new.opening.began, shown)


def _note_lead(cluster: Cluster, identity: Identity, at: float) -> bool:
    """Take note of where a host leads; return whether that is the writer from now on."""
    if (answer := identity.answer) is None:
        return False
    host, is_reader = str(identity.endpoint.address), answer.role is Role.READER
    return cluster.detector.note_lead(host, answer.instance, at, is_reader=is_reader)


def _is_writer(identity: Identity) -> bool:
    return identity.endpoint.type is EndpointType.WRITER
