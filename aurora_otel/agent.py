"""The agent: wiring, fork and stop. The only place that knows all the others.

What it does, and when, is in `hooks/`.
"""

from __future__ import annotations

import functools
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from aurora_otel.hooks.agent_hooks import AgentHooks
from aurora_otel.hooks.use_cases import UseCases
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import Endpoint
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.monitor import ClusterMonitor
from aurora_otel.runtime.background import Background
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
from aurora_otel.tracking.cluster import Cluster, first_label
from aurora_otel.tracking.clusters import Clusters
from aurora_otel.tracking.tracker import Tracker

_clock = time.monotonic

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
        hooks: what drivers and pools call.
        reporter: emits what is reported.
        tracker: which connection leads to which instance.
        clusters: what is known of each cluster.
        use_cases: what it does.
        is_stopped: whether it does nothing any more.
    """

    def __init__(self, settings: Settings, spans: Spans, instruments: Instruments) -> None:
        self.settings = self._given = settings
        self.shield = Shield(self._report_failure)
        self.spans = spans
        self.instruments = instruments
        # By process, the call that starts over in a child whose fork was not reported.
        self._starting_over: dict[int, object] = {}
        self.hooks = AgentHooks(self)
        self._begin()
        self._pid = os.getpid()

    def _begin(self) -> None:
        self.is_stopped = False
        self.reporter = Reporter(self.shield)
        self.tracker = Tracker()
        self.clusters = Clusters(self.settings.endpoints, self._create_cluster)
        self._context = AgentContext(self, self.tracker, self.clusters, _clock)
        self._context.servers.members = self.settings.all_members
        self._context.servers.singles = self.settings.single_endpoints
        self.use_cases = UseCases(self._context, self._wake)
        self._background = Background(self.use_cases.rounds.tick)
        self._kill_switch = KillSwitch(self._apply_kill_switch)
        self._kill_switch.watch(self._given.kill_switch)

    def _create_cluster(self, endpoint: Endpoint, system: str) -> Cluster:
        name = self.settings.cluster_id.of(endpoint.address.host)
        detector = Detector(_pace(self.settings), random.random)
        cluster = Cluster(first_label(endpoint, name), system, detector)
        cluster.monitor = ClusterMonitor(cluster, self._context)
        if self.is_stopped:
            cluster.monitor.stop()
        return cluster

    def _wake(self) -> None:
        self._background.wake()

    def ensure_threads(self) -> None:
        """Start what runs beside the application, if that has not begun or has died."""
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
        self._context.servers.members = settings.all_members
        self._context.servers.singles = settings.single_endpoints
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
        found |= self.use_cases.meters.observations()
        found[agent_names.INFO.name] = agent_names.info(self.settings.mode)
        # At once, and on the thread that reads: the same export shows how long they were open.
        self.use_cases.rounds.report_ended(self._emit)
        return found

    # What is reported.

    def report(self, report: Report) -> None:
        """Have `report` emitted on the reporter's thread; wait for nothing."""
        # By the providers of now: others may be set before its turn comes.
        emit = functools.partial(emission.emit, report, self.spans, self.instruments)
        self.reporter.put(emit, is_essential=not isinstance(report, INFORMATIONAL))

    def later(self, action: Callable[[], None]) -> None:
        """Have `action` called on the reporter's thread; wait for nothing."""
        self.reporter.put(action, is_essential=True)

    def _emit(self, report: Report) -> None:
        emission.emit(report, self.spans, self.instruments)

    def _report_failure(self, where: str, kind: str, frames: Sequence[str]) -> None:
        self.report(InternalFailureReport(where, kind, frames))

    # The end.

    def stop(self) -> None:
        """Release everything: threads, the agent's own connections, and what is tracked."""
        self.is_here()
        self.is_stopped = True
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
        was_stopped = self.is_stopped
        self._begin()
        self.is_stopped = was_stopped
        self._pid = os.getpid()

    def _disown(self) -> None:
        for cluster in self.clusters:
            cluster.is_ours = False
            cluster.alert = False


def _pace(settings: Settings) -> Pace:
    return Pace(settings.refresh_window, settings.refresh_interval)
