"""New connections: each is identified, sent on if it is astray, and tracked."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

from opentelemetry.instrumentation.utils import is_instrumentation_enabled, suppress_instrumentation
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.trace import SpanContext

from aurora_otel.discovery.identify import Servers
from aurora_otel.drivers.protocol import Driver, Opening
from aurora_otel.hooks.identification import DroppedError, Identification, Identity, pause
from aurora_otel.model.detector import FIRST_STEP
from aurora_otel.model.endpoints import Endpoint
from aurora_otel.model.groups import Group
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Reading, Role, Source, Verdict
from aurora_otel.monitoring.access import Access
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.monitor import ClusterMonitor
from aurora_otel.runtime import sockets
from aurora_otel.runtime.shield import is_from_signal_handler
from aurora_otel.settings import Mode
from aurora_otel.telemetry import log, names
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import Track


class Openings:
    """Receives every new connection.

    Attributes:
        drivers: by name, those that connected.

    Args:
        context: what it works with.
    """

    def __init__(self, context: AgentContext) -> None:
        self.drivers: dict[str, Driver] = {}
        self._context = context
        self._identification = Identification(Servers(), context.clock, context.config.shield)

    def receive(self, driver: Driver, opening: Opening) -> Any:
        """Identify and track a new connection; return the one to hand to the application."""
        began = self._context.clock()
        opening, identity = self._identify(driver, opening)
        if identity is not None and identity.is_misrouted:
            opening, identity = self._reroute(driver, opening, identity, began)
        if identity is not None:
            shield = self._context.config.shield
            shield.run("track a connection", self._track, driver, opening, identity, began)
        return opening.connection

    def identify_again(self, track: Track) -> None:
        """Ask a connection that is tracked under `host:port` only, if it can be asked now."""
        connection = track()
        driver = self.drivers.get(track.group.driver)
        access = track.cluster.monitor.access
        if connection is None or driver is None or access is None or track.lost:
            return
        opening = Opening(connection, access.login, lambda: connection, 0)
        identity = self._ask(driver, opening)
        if isinstance(identity, Identity) and identity.answer:
            cluster = self._cluster_of(driver, identity, is_fresh=False)
            self._context.tracker.note_identity(track, identity.answer.instance, cluster)

    # Where it landed.

    def _identify(self, driver: Driver, opening: Opening) -> tuple[Opening, Identity | None]:
        """Return where the connection landed; another connection if it died of the question."""
        shield = self._context.config.shield
        identity = shield.run("identify a connection", self._ask, driver, opening)
        if not isinstance(identity, DroppedError):
            return opening, identity
        opening = opening._replace(connection=opening.reconnect())
        # That server is known to be silent now: it is not asked again.
        return self._identify(driver, opening)

    def _ask(self, driver: Driver, opening: Opening) -> Identity | DroppedError:
        # In a copy of the context: a signal handler that raises cannot leave the application's own
        # suppressed.
        return copy_context().run(self._ask_suppressed, driver, opening)

    def _ask_suppressed(self, driver: Driver, opening: Opening) -> Identity | DroppedError:
        with suppress_instrumentation():
            try:
                return self._identify_by(driver, opening)
            except DroppedError as error:
                return error

    def _identify_by(self, driver: Driver, opening: Opening) -> Identity:
        return self._identification.identify(
            driver,
            opening,
            self._context.clusters.endpoints,
            self._context.config.settings.identify_timeout,
            is_known=lambda endpoint: self._context.clusters.knows(endpoint, self._context.clock()),
        )

    # Astray.

    def _reroute(
        self, driver: Driver, opening: Opening, identity: Identity, began: float
    ) -> tuple[Opening, Identity | None]:
        """Connect again while DNS leads to a reader and a verdict names another writer."""
        shield = self._context.config.shield
        cluster = shield.run(
            "respond to a misrouted connection", self._misrouted, driver, opening, identity
        )
        deadline = began + self._context.config.settings.refresh_timeout
        step = FIRST_STEP
        latest: Identity | None = identity
        while (
            cluster
            and latest
            and self._is_stale_route(cluster, latest, began)
            and self._context.clock() < deadline
        ):
            step = pause(step, deadline)
            try:
                other = opening._replace(connection=opening.reconnect())
            except Exception as error:
                closed = shield.run("ask a driver's file", driver.is_closed, opening.connection)
                # Where nobody can tell, it is the application that hears of it.
                if closed is not False or is_from_signal_handler(error):
                    raise
                # The application has one that works: it keeps that.
                break
            if other.connection is not opening.connection:
                shield.run("drop a misrouted connection", driver.discard, opening.connection)
            opening, latest = self._identify(driver, other)
        return opening, latest

    def _misrouted(self, driver: Driver, opening: Opening, identity: Identity) -> Cluster:
        """Count a misrouted connection, and look; return its cluster."""
        cluster = self._cluster_of(driver, identity)
        self._context.tracker.note_misroute(self._group(driver, cluster, identity))
        answer = identity.answer
        hint = answer.view.writer if answer and answer.view else None
        monitor = cluster.monitor
        monitor.connected(Access(driver, opening.login, identity.endpoint))
        monitor.symptom(Symptom.MISROUTED, suspect=identity.instance, hint=hint)
        return cluster

    def _is_stale_route(self, cluster: Cluster, identity: Identity, began: float) -> bool:
        """Whether a verdict of after `began` says that the writer is elsewhere."""
        return (
            identity.is_misrouted
            and self._context.config.settings.mode is Mode.CLEANUP
            and cluster.monitor.answered_since(began)
            and cluster.detector.writer not in (None, identity.instance)
        )

    # What is known of it, written down.

    def _cluster_of(self, driver: Driver, identity: Identity, *, is_fresh: bool = True) -> Cluster:
        return self._context.clusters.place(
            identity.endpoint,
            driver.system,
            self._context.clock(),
            identity.answer,
            source=identity.source,
            view=identity.view,
            is_fresh=is_fresh,
        )

    def _group(self, driver: Driver, cluster: Cluster, identity: Identity) -> Group:
        answer = identity.answer
        role = answer.role if answer else cluster.role(identity.instance)
        return cluster.group(identity.instance, role, driver.name, identity.endpoint.type)

    def _track(self, driver: Driver, opening: Opening, identity: Identity, began: float) -> None:
        cluster = self._cluster_of(driver, identity)
        monitor = cluster.monitor
        monitor.connected(Access(driver, opening.login, identity.endpoint))
        group = self._group(driver, cluster, identity)
        attributes = {
            **cluster.attributes,
            names.INSTANCE_ID: group.instance,
            names.INSTANCE_ROLE: group.role.value,
            names.ENDPOINT_TYPE: group.endpoint_type.value,
            names.DRIVER: group.driver,
        }
        track = Track(
            opening.connection,
            self._context.tracker.collected,
            group=group,
            cluster=cluster,
            instance=identity.instance,
            opened_at=self._context.clock(),
            socket=sockets.identify(driver.fileno(opening.connection)),
            opened_in=self._report_opening(identity.endpoint, opening.began, attributes),
        )
        driver.mark(opening.connection, track)
        self.drivers[driver.name] = driver
        self._context.tracker.note(track)
        log.tracked(attributes)
        self._check(monitor, cluster, identity, began)

    def _check(
        self, monitor: ClusterMonitor, cluster: Cluster, identity: Identity, began: float
    ) -> None:
        """Look, if what the instance said of itself is not what is known."""
        answer = identity.answer
        if answer is None:
            return
        if cluster.detector.writer is None:
            monitor.find_writer()
        if monitor.login_rejected and answer.is_writer:
            members = answer.view.instances if answer.view else (answer.instance,)
            verdict = Verdict(answer.instance, members, began)
            monitor.take(Reading(Source.SQL, began, answer.instance, members, verdict))
        elif not identity.is_misrouted and cluster.detector.contradicts(
            answer.instance, answer.role
        ):
            hint = answer.view.writer if answer.view and answer.role is Role.READER else None
            monitor.symptom(Symptom.TOPOLOGY, suspect=answer.instance, hint=hint)

    def _report_opening(
        self, endpoint: Endpoint, began: int, attributes: dict[str, str]
    ) -> SpanContext | None:
        if not is_instrumentation_enabled():
            return None
        address = {SERVER_ADDRESS: endpoint.address.host, SERVER_PORT: endpoint.address.port}
        return self._context.config.spans.track_connection(began, {**attributes, **address})
