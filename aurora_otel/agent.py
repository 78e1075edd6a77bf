"""The agent: what happens when. The only place that knows all the others.

It is the `Hooks` of the drivers and of the pools. Decisions are values that the pure core returns;
they are carried out here and in what it calls, outside every lock.
"""

from __future__ import annotations

import functools
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from aurora_otel.drivers.protocol import Attempt, Driver, Failure, Opening
from aurora_otel.hooks.before_calls import BeforeCalls
from aurora_otel.hooks.call_errors import CallErrors
from aurora_otel.hooks.checkouts import Checkouts
from aurora_otel.hooks.connecting import Connecting
from aurora_otel.hooks.explanations import Before, Explanations
from aurora_otel.hooks.identification import Identification
from aurora_otel.hooks.opening import Openings
from aurora_otel.hooks.placement import Placement
from aurora_otel.hooks.pool_meters import Meter, Meters
from aurora_otel.hooks.reidentification import Reidentification
from aurora_otel.hooks.rounds import Rounds
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import Address, Endpoint
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.monitor import ClusterMonitor
from aurora_otel.pools.protocol import Description
from aurora_otel.runtime import blocking
from aurora_otel.runtime.background import Background
from aurora_otel.runtime.effects import Pause, Reconnect, Steps
from aurora_otel.runtime.kill_switch import KillSwitch
from aurora_otel.runtime.reporter import Reporter
from aurora_otel.runtime.shield import Shield
from aurora_otel.runtime.signals import without_sigpipe
from aurora_otel.runtime.spare import spare
from aurora_otel.settings import Mode, Settings
from aurora_otel.telemetry import agent_names, emission
from aurora_otel.telemetry.metrics import Instruments
from aurora_otel.telemetry.observations import Observations, observe
from aurora_otel.telemetry.reports import (
    INFORMATIONAL,
    InternalFailureReport,
    KillSwitchReport,
    Report,
)
from aurora_otel.telemetry.spans import Spans
from aurora_otel.tracking import clusters
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.clusters import Clusters
from aurora_otel.tracking.track import Track
from aurora_otel.tracking.tracker import Tracker

T = TypeVar("T")
_clock = time.monotonic
# Between two checks of what another thread is about to do: seconds.
_STEP = 0.001

# What a forked child inherited of its parent: never released, because closing a connection ends
# the session on a socket that is the parent's.
_inherited: list[Any] = []


class Agent:
    """One running agent.

    Attributes:
        settings: in force now: what was given, but `observe` while the kill switch is on.
        spans: makes its spans.
        instruments: record its measurements.
        shield: counts the agent's own failures.
        reporter: emits what is reported.
        tracker: which connection leads to which instance.
        clusters: what is known of each cluster.
        openings: identify and track new connections.
        rounds: what the background loop does each time.
    """

    def __init__(self, settings: Settings, spans: Spans, instruments: Instruments) -> None:
        self.settings = self._given = settings
        self.shield = Shield(self._report_failure)
        self.spans = spans
        self.instruments = instruments
        # By process, the call that starts over in a child whose fork was not reported.
        self._starting_over: dict[int, object] = {}
        self._begin()
        self._pid = os.getpid()

    def _begin(self) -> None:
        self._stopped = False
        self.reporter = Reporter(self.shield)
        self.tracker = Tracker()
        self.clusters = Clusters(self.settings.endpoints, self._create_cluster)
        self._context = AgentContext(self, self.tracker, self.clusters, _clock)
        identification = Identification(self._context.servers, _clock, self.shield)
        placement = Placement(self._context)
        self.openings = Openings(self._context, identification, placement)
        self._explanations = Explanations(self._context)
        self._connecting = Connecting(self._context, self._explanations)
        reidentification = Reidentification(
            self._context, identification, placement, self.openings.drivers
        )
        self._before_calls = BeforeCalls(reidentification)
        self._call_errors = CallErrors(self._context, reidentification, self._wake)
        self._checkouts = Checkouts(self._context, reidentification)
        self._meters = Meters(self)
        self.rounds = Rounds(self._context, self.openings.drivers, self._call_errors.deferred)
        self._background = Background(self.rounds.tick)
        self._kill_switch = KillSwitch(self._apply_kill_switch)
        self._kill_switch.watch(self._given.kill_switch)

    def _create_cluster(self, endpoint: Endpoint, system: str) -> Cluster:
        name = self.settings.cluster_id.of(endpoint.address.host)
        detector = Detector(_pace(self.settings), random.random)
        cluster = Cluster(clusters.label(endpoint, name), system, detector)
        cluster.monitor = ClusterMonitor(cluster, self._context)
        if self._stopped:
            cluster.monitor.stop()
        return cluster

    # The hooks: as steps, and carried out in the calling thread.

    def opened(self, driver: Driver, opening: Opening) -> Any:
        """Identify and track a new connection; return the one to hand to the application."""
        return blocking.run(self.opened_steps(driver, opening))

    def opened_steps(self, driver: Driver, opening: Opening) -> Steps[Any]:
        """Return the steps of `opened`, for a runner."""
        while not self.is_here():
            # Another thread is at it.
            yield Pause(_STEP)
        if self._stopped or self.shield.is_inside:
            return opening.connection
        connection = yield from self.openings.receive(driver, opening)
        self.shield.run("start the background loop", self._ensure_threads)
        return connection

    def connect_steps(self, driver: Driver, attempt: Attempt) -> Steps[Any]:
        """Return the steps of a connect: it is made, identified and tracked."""
        while not self.is_here():
            # Another thread is at it.
            yield Pause(_STEP)
        if self._stopped or self.shield.is_inside:
            return (yield Reconnect(attempt.connect))
        connection, route = yield from self._connecting.connect(driver, attempt)
        opening = self.guarded(attempt.opening, connection)
        if opening is None or self._stopped:
            return connection
        connection = yield from self.openings.receive(driver, opening, attempt, route)
        self.shield.run("start the background loop", self._ensure_threads)
        return connection

    def goes_straight(self, host: Address) -> bool:
        """Return whether a connect to `host` would be led straight to the writer now."""
        if not self._context.routes:
            return False
        find = self._connecting.route_to
        return self.shield.run("find the way to the writer", find, host) is not None

    def before_call(self, track: Track) -> None:
        """Prepare a call on a cluster whose state is in doubt."""
        blocking.run(self.before_call_steps(track))

    def before_call_steps(self, track: Track) -> Steps[None]:
        """Return the steps of `before_call`, for a runner."""
        if self._owns(track) and not self.shield.is_inside:
            yield from self.shield.steps("prepare a call", self._before_calls.prepare, track)

    def failed(
        self, track: Track, failure_of: Callable[[], Failure], error: Exception | None = None
    ) -> None:
        """Take note of an error; act on it if it is a symptom, and explain it."""
        blocking.run(self.failed_steps(track, failure_of, error))

    def failed_steps(
        self, track: Track, failure_of: Callable[[], Failure], error: Exception | None = None
    ) -> Steps[None]:
        """Return the steps of `failed`, for a runner."""
        is_inside = self.shield.is_inside
        yield from self.shield.steps(
            "respond to a symptom", self._fail, track, failure_of, error, is_inside=is_inside
        )

    def given_up(self, track: Track, since: float) -> None:
        """Take note that the application gave a call up that began at `since`."""
        self.shield.run("note a call that was given up", self._call_errors.given_up, track, since)

    def closed(self, track: Track) -> None:
        """Take note that the application closed the connection. Only appends."""
        if not track.closed and self._owns(track):
            track.closed = True
            self.tracker.note(track)

    def guarded(self, question: Callable[..., T], *args: Any) -> T | None:
        """Ask a driver's file something; what goes wrong there goes no further: `None`."""
        return self.shield.run("ask a driver's file", question, *args)

    def is_usable(self, connection: Any) -> bool:
        """Return whether a pool may hand `connection` out; refresh first, if that is due."""
        return blocking.run(self.is_usable_steps(connection))

    def is_usable_steps(self, connection: Any) -> Steps[bool]:
        """Return the steps of `is_usable`, for a runner."""
        if not self.is_here():
            return True
        return (yield from self._checkouts.is_usable(connection))

    def is_invalidated(self, connection: Any) -> bool:
        """Return whether the agent has invalidated `connection`, without checking its socket."""
        return self.is_here() and self._checkouts.is_invalidated(connection)

    def meter(self, pool: Any, describe: Callable[[], Description]) -> Meter:
        """Return what measures `pool`."""
        return self._meters.of(pool, describe)

    # A call.

    def _fail(
        self,
        track: Track,
        failure_of: Callable[[], Failure],
        error: Exception | None,
        *,
        is_inside: bool,
    ) -> Steps[None]:
        failure = failure_of()
        if self._owns(track):
            before = Before(_clock(), was_shut_down=track.is_shut_down)
            may_wait = failure.may_wait and not is_inside
            yield from self._call_errors.respond(track, failure, may_wait=may_wait)
            if error is not None:
                self._explanations.explain(error, track, failure, before)
        else:
            track.lost = track.lost or failure.lost

    def _owns(self, track: Track) -> bool:
        """Return whether it is this agent's, and was opened in this process."""
        return self.is_here() and not self._stopped and track.cluster.is_ours

    def _wake(self) -> None:
        self._background.wake()

    def _ensure_threads(self) -> None:
        self._background.ensure()
        self._kill_switch.ensure()

    # The kill switch.

    @property
    def is_killed(self) -> bool:
        """Whether the kill switch is on."""
        return self._kill_switch.is_on

    def _apply_kill_switch(self, is_on: bool) -> None:  # noqa: FBT001 - a callback
        self.settings = self._in_force()
        file, mode = self._given.kill_switch or "", self.settings.mode.value
        self.report(KillSwitchReport(is_on, file, mode))

    def _in_force(self) -> Settings:
        return replace(self._given, mode=Mode.OBSERVE) if self.is_killed else self._given

    # A fork.

    def is_here(self) -> bool:
        """Return whether its state is this process's, and see to it that it soon is.

        uWSGI forks in C, and notifies Python only if it is asked to (`py-call-osafterfork`).
        """
        pid = os.getpid()
        if self._pid == pid:
            return True
        mine = object()
        if self._starting_over.setdefault(pid, mine) is not mine:
            return False
        try:
            self.after_fork_in_child()
        except BaseException:
            del self._starting_over[pid]
            raise
        return True

    # What the instrumentor asks for.

    def configure(self, settings: Settings, spans: Spans, instruments: Instruments) -> None:
        """Apply other settings and providers from now on."""
        self.is_here()
        self.spans = spans
        self.instruments = instruments
        self._given = settings
        # At once, and before the file is checked: under a switch that is on, nothing is closed.
        self.settings = self._in_force()
        self._kill_switch.watch(settings.kill_switch)
        self.clusters.endpoints = settings.endpoints
        for cluster in self.clusters:
            cluster.detector.pace = _pace(settings)
        self._background.wake()

    def observations(self) -> Observations:
        """Return what the observable metrics read."""
        if not self.is_here():
            return {}
        return self.shield.run("observe metrics", self._observe) or {}

    def _observe(self) -> Observations:
        found = observe(self.tracker, self.clusters, self.settings, _clock())
        found |= self._meters.observations()
        found[agent_names.INFO.name] = agent_names.info(self.settings.mode)
        # At once, and on the thread that reads: the same export shows how long they were open.
        self.rounds.report_ended(self._emit)
        return found

    # What is reported.

    def report(self, report: Report) -> None:
        """Have `report` emitted on the reporter's thread; wait for nothing."""
        # By the providers of now: others may be set before its turn comes.
        emit = functools.partial(emission.emit, report, self.spans, self.instruments)
        self.reporter.put(emit, is_essential=not isinstance(report, INFORMATIONAL))

    def _emit(self, report: Report) -> None:
        emission.emit(report, self.spans, self.instruments)

    def _report_failure(self, where: str, kind: str, frames: Sequence[str]) -> None:
        self.report(InternalFailureReport(where, kind, frames))

    # The end.

    def stop(self) -> None:
        """Release everything: threads, the agent's own connections, and what is tracked."""
        self.is_here()
        self._stopped = True
        self._disown()
        # A connection that is just being opened may add another one.
        monitors = [
            each.monitor for cluster in self.clusters for each in (cluster, *cluster.absorbed)
        ]
        threads = [
            self._kill_switch.stop(),
            self._background.stop(),
            *(each.stop() for each in monitors),
        ]
        for thread in filter(None, threads):
            thread.join(2 * self.settings.refresh_timeout + 1)
        for monitor in monitors:
            without_sigpipe(monitor.close)
        spare.release()
        self.reporter.stop()

    def after_fork_in_child(self) -> None:
        """Start over: what was tracked belongs to the parent, and so do its sockets."""
        self._disown()
        threads = (self._background, self._kill_switch, self.reporter)
        _inherited.append((self.tracker, self.clusters, *threads))
        self.settings = self._given
        stopped = self._stopped
        self._begin()
        self._stopped = stopped
        self._pid = os.getpid()

    def _disown(self) -> None:
        for cluster in self.clusters:
            cluster.is_ours = False
            cluster.alert = False


def _pace(settings: Settings) -> Pace:
    return Pace(settings.refresh_window, settings.refresh_interval)
