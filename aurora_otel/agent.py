"""The agent: what happens when. The only place that knows all the others.

It is the `Hooks` of the drivers. Decisions are values that the pure core returns; they are carried
out here and in what it calls, outside every lock.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from opentelemetry.instrumentation.utils import is_instrumentation_enabled, suppress_instrumentation
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.trace import SpanContext

from aurora_otel import cleanup, clusters
from aurora_otel.background import Background
from aurora_otel.clusters import Cluster, Clusters
from aurora_otel.detector import FIRST_STEP, Detector, Pace
from aurora_otel.discovery.identify import Surfaces
from aurora_otel.drivers.protocol import Driver, Failure, Opening
from aurora_otel.endpoints import Endpoint
from aurora_otel.failover import Surroundings
from aurora_otel.opening import DroppedError, Identification, Identity, pause
from aurora_otel.pruning import Rounds
from aurora_otel.refresh import Access, Refresher
from aurora_otel.settings import Mode, Settings
from aurora_otel.shield import Shield
from aurora_otel.symptoms import Symptom
from aurora_otel.telemetry import log, names
from aurora_otel.telemetry.metrics import Instruments
from aurora_otel.telemetry.observations import Observations, observe
from aurora_otel.telemetry.spans import Spans
from aurora_otel.topology import Reading, Role, Source, Verdict
from aurora_otel.tracker import Group, Track, Tracker

_clock = time.monotonic

# What a forked child inherited of its parent: never let go of, because closing a connection says
# farewell on a socket that is the parent's.
_inherited: list[Any] = []


class Agent:
    """One running agent.

    Attributes:
        settings: in force now.
        spans: makes its spans.
        instruments: record its measurements.
        shield: counts our own failures.
        tracker: who is connected where.
        clusters: what is known of each cluster.
        refreshers: what looks at each cluster.
    """

    def __init__(self, settings: Settings, spans: Spans, instruments: Instruments) -> None:
        self.settings = settings
        self.shield = Shield()
        self.spans = spans
        self.instruments = instruments
        self._begin()

    def _begin(self) -> None:
        self._stopped = False
        self.tracker = Tracker()
        self.clusters = Clusters(self.settings.endpoints, self._create_cluster)
        self.refreshers: dict[Cluster, Refresher] = {}
        self._drivers: dict[str, Driver] = {}
        self._identification = Identification(Surfaces(), _clock)
        # Symptoms of hooks that could not wait, for the background loop.
        self._deferred: deque[tuple[Track, Symptom]] = deque()
        self._surroundings = Surroundings(self, self.tracker, self.clusters, _clock)
        self._rounds = Rounds(self._surroundings, self.refreshers, self._drivers, self._deferred)
        self._background = Background(self._rounds.tick)

    def _create_cluster(self, endpoint: Endpoint, system: str) -> Cluster:
        name = self.settings.cluster_id.of(endpoint.address.host)
        detector = Detector(_pace(self.settings), random.random)
        cluster = Cluster(clusters.label(endpoint, name), system, detector)
        self.refreshers[cluster] = Refresher(cluster, self._surroundings)
        return cluster

    # The hooks.

    def opened(self, driver: Driver, opening: Opening) -> Any:
        """Identify and track a new connection; return the one to hand to the application."""
        if self._stopped or self.shield.is_inside:
            return opening.connection
        began = _clock()
        opening, identity = self._identify(driver, opening)
        if identity is not None and identity.is_misrouted:
            opening, identity = self._reroute(driver, opening, identity, began)
        if identity is not None:
            with self.shield.inside("track a connection"):
                self._track(driver, opening, identity, began)
        return opening.connection

    def before_call(self, track: Track) -> None:
        """Look at the topology, if one is due."""
        if self._stopped or self.shield.is_inside:
            return
        with self.shield.inside("look before a call"):
            self.refreshers[track.cluster].look_if_due(wait=True)

    def failed(self, track: Track, failure_of: Callable[[], Failure]) -> None:
        """Take note of an error; act on it if it is a symptom."""
        is_inside = self.shield.is_inside
        with self.shield.inside("respond to a symptom"):
            failure = failure_of()
            self._respond(track, failure, may_wait=failure.may_wait and not is_inside)

    def closed(self, track: Track) -> None:
        """Take note that the application closed the connection. Only appends."""
        if not track.closed and self._owns(track):
            track.closed = True
            self.tracker.note(track)

    # An error.

    def _respond(self, track: Track, failure: Failure, *, may_wait: bool) -> None:
        known_as_lost, track.lost = track.lost, track.lost or failure.lost
        symptom = failure.symptom
        # What we invalidated, or what is gone already, says nothing new.
        if symptom is None or known_as_lost or not track.is_tracked or not self._owns(track):
            return
        if symptom is Symptom.READ_ONLY and not track.refused:
            track.refused = True
            self.tracker.note(track)
        if not may_wait:
            self._deferred.append((track, symptom))
            self._background.wake()
            return
        if track.instance is None:
            self._identify_again(track)
        if track.cluster.is_aurora:
            self.refreshers[track.cluster].symptom(symptom, suspect=track.instance)

    # A new connection.

    def _identify(self, driver: Driver, opening: Opening) -> tuple[Opening, Identity | None]:
        """Return where the connection landed; another connection if it died of the question."""
        identity = None
        dropped = False
        with self.shield.inside("identify a connection"), suppress_instrumentation():
            try:
                identity = self._ask(driver, opening)
            except DroppedError:
                dropped = True
        if not dropped:
            return opening, identity
        opening = opening._replace(connection=opening.reconnect())
        # That server is known to be silent now: it is not asked again.
        return self._identify(driver, opening)

    def _ask(self, driver: Driver, opening: Opening) -> Identity:
        return self._identification.identify(
            driver,
            opening,
            self.clusters.endpoints,
            self.settings.identify_timeout,
            is_known=lambda endpoint: bool(
                (found := self.clusters.find(endpoint)) and found.is_aurora
            ),
        )

    def _reroute(
        self, driver: Driver, opening: Opening, identity: Identity, began: float
    ) -> tuple[Opening, Identity | None]:
        """Connect again while DNS leads to a reader and a verdict names another writer."""
        cluster: Cluster | None = None
        with self.shield.inside("respond to a misrouted connection"):
            cluster = self._misrouted(driver, opening, identity)
        deadline = began + self.settings.refresh_timeout
        step = FIRST_STEP
        latest: Identity | None = identity
        while (
            cluster and latest and self._is_astray(cluster, latest, began) and _clock() < deadline
        ):
            step = pause(step, deadline)
            try:
                other = opening._replace(connection=opening.reconnect())
            except Exception:  # noqa: BLE001 - the application has one that works: it keeps that
                break
            with self.shield.inside("drop a misrouted connection"):
                driver.discard(opening.connection)
            opening, latest = self._identify(driver, other)
        return opening, latest

    def _misrouted(self, driver: Driver, opening: Opening, identity: Identity) -> Cluster:
        """Count a misrouted connection, and look; return its cluster."""
        cluster = self._cluster_of(driver, identity)
        self.tracker.note_misroute(self._group(driver, cluster, identity))
        answer = identity.answer
        hint = answer.view.writer if answer and answer.view else None
        refresher = self.refreshers[cluster]
        refresher.access = Access(driver, opening.login, identity.endpoint)
        refresher.symptom(Symptom.MISROUTED, suspect=identity.instance, hint=hint)
        return cluster

    def _is_astray(self, cluster: Cluster, identity: Identity, began: float) -> bool:
        """Whether a verdict of after `began` says that the writer is elsewhere."""
        return (
            identity.is_misrouted
            and self.settings.mode is Mode.CLEANUP
            and self.refreshers[cluster].answered_since(began)
            and cluster.detector.writer not in (None, identity.instance)
        )

    def _cluster_of(self, driver: Driver, identity: Identity) -> Cluster:
        answer = identity.answer
        view = answer.view if answer else None
        cluster = self.clusters.resolve(
            identity.endpoint, driver.system, identity.instance, view.instances if view else ()
        )
        if identity.instance:
            listed = (identity.instance, *(view.instances if view else ()))
            by_writer = view is not None and answer is not None and answer.is_writer
            cluster.learn(listed, _clock(), by_writer=by_writer)
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
            self.tracker.collected,
            group=group,
            cluster=cluster,
            instance=identity.instance,
            opened_at=_clock(),
            socket=cleanup.identify(driver.fileno(opening.connection)),
            opened_in=self._tell_opening(identity.endpoint, opening.began, attributes),
        )
        driver.mark(opening.connection, track)
        self._drivers[driver.name] = driver
        self.tracker.note(track)
        self.tracker.drain()
        self._background.ensure()
        refresher = self.refreshers[cluster]
        refresher.access = Access(driver, opening.login, identity.endpoint)
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

    def _identify_again(self, track: Track) -> None:
        """Ask a connection that is tracked under `host:port` only, if it can be asked now."""
        connection = track()
        driver = self._drivers.get(track.group.driver)
        access = self.refreshers[track.cluster].access
        if connection is None or driver is None or access is None or track.lost:
            return
        opening = Opening(connection, access.login, lambda: connection, 0)
        try:
            with suppress_instrumentation():
                identity = self._ask(driver, opening)
        except DroppedError:
            return
        if identity.answer:
            track.instance = identity.answer.instance
            self._cluster_of(driver, identity)

    def _tell_opening(
        self, endpoint: Endpoint, began: int, attributes: dict[str, str]
    ) -> SpanContext | None:
        if not is_instrumentation_enabled():
            return None
        address = {SERVER_ADDRESS: endpoint.address.host, SERVER_PORT: endpoint.address.port}
        return self.spans.track_connection(began, {**attributes, **address})

    def _owns(self, track: Track) -> bool:
        """Whether it is this agent's, and was opened in this process."""
        return not self._stopped and track.cluster.is_ours

    # What the instrumentor asks for.

    def configure(self, settings: Settings, spans: Spans, instruments: Instruments) -> None:
        """Apply other settings and providers from now on."""
        self.settings = settings
        self.spans = spans
        self.instruments = instruments
        self.clusters.endpoints = settings.endpoints
        for cluster in self.clusters:
            cluster.detector.pace = _pace(settings)
        self._background.wake()

    def observations(self) -> Observations:
        """Return what the observable metrics read."""
        found: Observations = {}
        with self.shield.inside("observe metrics"):
            found = observe(self.tracker, self.clusters, self.settings, _clock())
            self._rounds.tell_ended()
        return found

    def stop(self) -> None:
        """Let go of everything: threads, connections of ours, and what is tracked."""
        self._stopped = True
        self._disown()
        threads = [self._background.stop(), *(each.stop() for each in self.refreshers.values())]
        for thread in filter(None, threads):
            thread.join(2 * self.settings.refresh_timeout + 1)
        for refresher in self.refreshers.values():
            refresher.close()

    def after_fork_in_child(self) -> None:
        """Start over: what was tracked belongs to the parent, and so do its sockets."""
        self._disown()
        _inherited.append((self.tracker, self.clusters, self.refreshers, self._background))
        stopped = self._stopped
        self._begin()
        self._stopped = stopped

    def _disown(self) -> None:
        for cluster in self.clusters:
            cluster.is_ours = False
            cluster.alert = False


def _pace(settings: Settings) -> Pace:
    return Pace(settings.refresh_window, settings.refresh_interval)
