"""Opening a connection: it is identified, replaced if it is misrouted, and tracked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.trace import SpanContext

from aurora_otel.drivers.protocol import Driver, Opening
from aurora_otel.hooks.identification import Identification, Identity
from aurora_otel.hooks.misrouting import Misrouting
from aurora_otel.hooks.new_connection import NewConnection
from aurora_otel.hooks.placement import Placement
from aurora_otel.model.endpoints import Endpoint
from aurora_otel.monitoring.access import Access
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.runtime import sockets
from aurora_otel.runtime.effects import Steps
from aurora_otel.telemetry import log, names
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

    def receive(self, driver: Driver, opening: Opening) -> Steps[Any]:
        """Identify and track a new connection; return the one to hand to the application.

        Raises:
            BaseException: the application gets no connection, and none is left behind: what
                connecting again met, or an interrupt.
        """
        shield = self._context.config.shield
        new = NewConnection(driver, opening, self._context.clock())
        try:
            identity = yield from self._identify(new)
            if identity is not None and identity.is_misrouted:
                identity = yield from self._misrouting.reroute(new, identity)
            if identity is not None:
                yield from shield.steps("track a connection", self._track, new, identity)
        except BaseException:
            new.discard(shield)
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
            if identity is None or not identity.dropped:
                return identity
            new.discard(context.config.shield)
            yield from new.reconnect()

    def _is_known(self, endpoint: Endpoint) -> bool:
        """Return whether the topology behind an instance endpoint was read before."""
        return self._context.clusters.knows(endpoint, self._context.clock())

    def _track(self, new: NewConnection, identity: Identity) -> Steps[None]:
        driver, opening, context = new.driver, new.opening, self._context
        descriptor = driver.fileno(opening.connection)
        identity = replace(identity, peer=sockets.peer(descriptor))
        cluster = self._placement.cluster_of(driver, identity)
        cluster.monitor.connected(Access(driver, opening.login, identity.endpoint))
        group = self._placement.group_of(driver.name, cluster, identity)
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
            opened_in=self._report_opening(identity.endpoint, opening.began, attributes),
            endpoint=identity.endpoint if is_asked_later else None,
            peer=identity.peer,
        )
        driver.mark(opening.connection, track)
        self.drivers[driver.name] = driver
        context.tracker.note(track)
        log.tracked(attributes)
        if identity.postponed:
            # Its first call asks, if the server is quick again by then.
            cluster.identify_until(context.clock() + context.config.settings.refresh_window)
        yield from self._placement.check(
            cluster, identity, new.began, is_reported=identity.is_misrouted
        )

    def _report_opening(
        self, endpoint: Endpoint, began: int, attributes: dict[str, str]
    ) -> SpanContext | None:
        if not is_instrumentation_enabled():
            return None
        address = {SERVER_ADDRESS: endpoint.address.host, SERVER_PORT: endpoint.address.port}
        return self._context.config.spans.track_connection(began, {**attributes, **address})
