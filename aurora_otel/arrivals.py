"""New connections: each is identified, sent on if it is astray, and tracked."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import copy_context
from typing import Any

from opentelemetry.instrumentation.utils import is_instrumentation_enabled, suppress_instrumentation
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.trace import SpanContext

from aurora_otel import cleanup
from aurora_otel.clusters import Cluster
from aurora_otel.detector import FIRST_STEP
from aurora_otel.discovery.identify import Surfaces
from aurora_otel.drivers.protocol import Driver, Opening
from aurora_otel.endpoints import Endpoint
from aurora_otel.failover import Surroundings
from aurora_otel.opening import DroppedError, Identification, Identity, pause
from aurora_otel.refresh import Access, Refresher
from aurora_otel.settings import Mode
from aurora_otel.shield import is_from_signal_handler
from aurora_otel.symptoms import Symptom
from aurora_otel.telemetry import log, names
from aurora_otel.topology import Reading, Role, Source, Verdict
from aurora_otel.tracker import Group, Track


class Arrivals:
    """Receives every new connection.

    Attributes:
        drivers: by name, those that connected.

    Args:
        surroundings: what it works with.
        refreshers: by cluster.
    """

    def __init__(self, surroundings: Surroundings, refreshers: Mapping[Cluster, Refresher]) -> None:
        self.drivers: dict[str, Driver] = {}
        self._around = surroundings
        self._refreshers = refreshers
        self._identification = Identification(
            Surfaces(), surroundings.clock, surroundings.now.shield
        )

    def receive(self, driver: Driver, opening: Opening) -> Any:
        """Identify and track a new connection; return the one to hand to the application."""
        began = self._around.clock()
        opening, identity = self._identify(driver, opening)
        if identity is not None and identity.is_misrouted:
            opening, identity = self._reroute(driver, opening, identity, began)
        if identity is not None:
            shield = self._around.now.shield
            shield.run("track a connection", self._track, driver, opening, identity, began)
        return opening.connection

    def identify_again(self, track: Track) -> None:
        """Ask a connection that is tracked under `host:port` only, if it can be asked now."""
        connection = track()
        driver = self.drivers.get(track.group.driver)
        access = self._refreshers[track.cluster].access
        if connection is None or driver is None or access is None or track.lost:
            return
        opening = Opening(connection, access.login, lambda: connection, 0)
        identity = self._ask(driver, opening)
        if isinstance(identity, Identity) and identity.answer:
            track.instance = identity.answer.instance
            self._cluster_of(driver, identity)

    # Where it landed.

    def _identify(self, driver: Driver, opening: Opening) -> tuple[Opening, Identity | None]:
        """Return where the connection landed; another connection if it died of the question."""
        shield = self._around.now.shield
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
            self._around.clusters.endpoints,
            self._around.now.settings.identify_timeout,
            is_known=lambda endpoint: bool(
                (found := self._around.clusters.find(endpoint)) and found.is_aurora
            ),
        )

    # Astray.

    def _reroute(
        self, driver: Driver, opening: Opening, identity: Identity, began: float
    ) -> tuple[Opening, Identity | None]:
        """Connect again while DNS leads to a reader and a verdict names another writer."""
        shield = self._around.now.shield
        cluster = shield.run(
            "respond to a misrouted connection", self._misrouted, driver, opening, identity
        )
        deadline = began + self._around.now.settings.refresh_timeout
        step = FIRST_STEP
        latest: Identity | None = identity
        while (
            cluster
            and latest
            and self._is_astray(cluster, latest, began)
            and self._around.clock() < deadline
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
        self._around.tracker.note_misroute(self._group(driver, cluster, identity))
        answer = identity.answer
        hint = answer.view.writer if answer and answer.view else None
        refresher = self._refreshers[cluster]
        refresher.connected(Access(driver, opening.login, identity.endpoint))
        refresher.symptom(Symptom.MISROUTED, suspect=identity.instance, hint=hint)
        return cluster

    def _is_astray(self, cluster: Cluster, identity: Identity, began: float) -> bool:
        """Whether a verdict of after `began` says that the writer is elsewhere."""
        return (
            identity.is_misrouted
            and self._around.now.settings.mode is Mode.CLEANUP
            and self._refreshers[cluster].answered_since(began)
            and cluster.detector.writer not in (None, identity.instance)
        )

    # What is known of it, written down.

    def _cluster_of(self, driver: Driver, identity: Identity) -> Cluster:
        answer = identity.answer
        view = answer.view if answer else None
        cluster = self._around.clusters.resolve(
            identity.endpoint, driver.system, identity.instance, view.instances if view else ()
        )
        if identity.instance:
            listed = (identity.instance, *(view.instances if view else ()))
            by_writer = view is not None and answer is not None and answer.is_writer
            cluster.learn(listed, self._around.clock(), by_writer=by_writer)
        if answer:
            cluster.is_aurora = True
            cluster.view = cluster.view or identity.view
            if answer.is_writer:
                cluster.detector.introduce(answer.instance)
        return cluster

    def _group(self, driver: Driver, cluster: Cluster, identity: Identity) -> Group:
        answer = identity.answer
        role = answer.role if answer else cluster.role(identity.instance)
        return cluster.group(identity.instance, role, driver.name, identity.endpoint.type)

    def _track(self, driver: Driver, opening: Opening, identity: Identity, began: float) -> None:
        cluster = self._cluster_of(driver, identity)
        refresher = self._refreshers[cluster]
        refresher.connected(Access(driver, opening.login, identity.endpoint))
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
            self._around.tracker.collected,
            group=group,
            cluster=cluster,
            instance=identity.instance,
            opened_at=self._around.clock(),
            socket=cleanup.identify(driver.fileno(opening.connection)),
            opened_in=self._tell_opening(identity.endpoint, opening.began, attributes),
        )
        driver.mark(opening.connection, track)
        self.drivers[driver.name] = driver
        self._around.tracker.note(track)
        log.tracked(attributes)
        self._check(refresher, cluster, identity, began)

    def _check(
        self, refresher: Refresher, cluster: Cluster, identity: Identity, began: float
    ) -> None:
        """Look, if what the instance said of itself is not what is known."""
        answer = identity.answer
        if answer is None:
            return
        if cluster.detector.writer is None:
            refresher.find_writer()
        if refresher.is_blind and answer.is_writer:
            members = answer.view.instances if answer.view else (answer.instance,)
            verdict = Verdict(answer.instance, members, began)
            refresher.take(Reading(Source.SQL, began, answer.instance, members, verdict))
        elif not identity.is_misrouted and cluster.detector.contradicts(
            answer.instance, answer.role
        ):
            hint = answer.view.writer if answer.view and answer.role is Role.READER else None
            refresher.symptom(Symptom.TOPOLOGY, suspect=answer.instance, hint=hint)

    def _tell_opening(
        self, endpoint: Endpoint, began: int, attributes: dict[str, str]
    ) -> SpanContext | None:
        if not is_instrumentation_enabled():
            return None
        address = {SERVER_ADDRESS: endpoint.address.host, SERVER_PORT: endpoint.address.port}
        return self._around.now.spans.track_connection(began, {**attributes, **address})
