"""One run: a healthy cluster, the sample application on it, a failover in the middle."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from aurora_otel.collector import Collector
from aurora_otel.demo.application import Application
from aurora_otel.demo.recording import (
    ClientKind,
    Clock,
    Outcome,
    Phase,
    Recording,
    Sample,
    Telemetry,
    Timeline,
    agent_settings,
)
from aurora_otel.demo.waiting import Repeatedly, sleep_until, wait_until_started
from aurora_otel.lab import Cluster, Failover, LabError, Switch
from aurora_otel.lab.conninfo import url

if TYPE_CHECKING:
    from collections.abc import Mapping

APPLICATION_NAME = "demo"
CONNECT_TIMEOUT = 2
NAMED_BY = {"postgresql": "application_name", "mysql": "program_name"}
"""The driver's argument for the application's name."""
SAMPLE_EVERY = 0.2
EARLY = 0.5
"""Seconds into the failover at which idle connections are used that are meant to hang."""


@dataclass(frozen=True)
class Plan:
    """What a run does, and when; times are seconds.

    Args:
        name: `without`, `with` or `with_every_thread_hung`.
        engine: What the cluster runs: `postgresql` or `mysql`.
        failover: What happens to the writer.
        instrumented: Whether the agent is loaded.
        settings: Environment variables for the agent.
        driver: That the application connects by.
        pool: That holds the connections: `sqlalchemy`, `psycopg_pool` or `none`.
        writers: Threads, or tasks, that write all the time.
        idle: Connections that are idle until after the failover.
        fresh_every: Between two fresh connections; 0: none.
        before: From the application's start to the failover.
        after: From the moment the topology names the new writer to the end.
        dns_lag: For how long after that moment the writer endpoint's name leads to the old writer;
            0: the endpoint is a gateway, which follows at once.
        idle_after: From that moment to the use of the idle connections; `None`: they are used
            `EARLY` seconds into the failover, so that they hang like all others.
        kind: Of cluster: `aurora`, `plain` or `single`.
        service_lag: For how long after the failover the service leads to the old writer, which has
            restarted as a reader; the idle connections are used at its beginning. 0: the service
            moves at once.
    """

    name: str
    engine: str
    failover: Failover
    instrumented: bool
    settings: Mapping[str, str] = field(default_factory=dict)
    driver: str = "psycopg"
    pool: str = "none"
    writers: int = 4
    idle: int = 16
    fresh_every: float = 1
    before: float = 4
    after: float = 7
    idle_after: float | None = 3
    dns_lag: float = 0
    kind: str = "aurora"
    service_lag: float = 0

    @property
    def moves_name(self) -> bool:
        """Whether the name that the application connects by leads to another address afterwards."""
        return self.dns_lag > 0 or self.kind == "single"


class _Done(NamedTuple):
    """A failover that took place.

    Attributes:
        switch: What was done.
        published: When the topology named the new writer, or the service led there.
    """

    switch: Switch
    published: float


def record(plan: Plan, timeline: Timeline) -> Recording:
    """Carry out `plan` and return what happened; `timeline` shows it while it does."""
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(engine=plan.engine, kind=plan.kind))
        collector = stack.enter_context(Collector())
        environment = _environment(plan, cluster, collector)
        application = stack.enter_context(
            Application(
                [
                    _dsn(plan, cluster),
                    f"--writers={plan.writers}",
                    f"--idle={plan.idle}",
                    f"--fresh-every={plan.fresh_every}",
                    f"--driver={plan.driver}",
                    f"--pool={plan.pool}",
                    "--resolve",
                    *(f"{name}={address}" for name, address in _hosts(plan, cluster).items()),
                ],
                environment=environment,
                instrumented=plan.instrumented,
                timeline=timeline,
            )
        )
        timeline.started = started = wait_until_started(
            application, timeline, plan.writers + plan.idle
        )
        clock = Clock.now()
        with Repeatedly(lambda: _sampled(cluster, timeline), SAMPLE_EVERY):
            done, used_idle = _fail_over(plan, cluster, application, timeline)
        last = _sample(cluster)
        timeline.phase = Phase.STOPPING
        stopped = application.stop()
        timeline.phase = Phase.DONE
        return Recording(
            name=plan.name,
            settings=agent_settings(environment),
            started=started,
            switch=done.switch,
            published=done.published,
            used_idle=used_idle,
            ended=last.at,
            calls=timeline.calls_since(started),
            in_flight=timeline.in_flight,
            samples=timeline.samples,
            sessions=last.sessions,
            terminated=not stopped,
            output=application.output,
            clock=clock,
            telemetry=Telemetry.of(collector),
        )


def _dsn(plan: Plan, cluster: Cluster) -> str:
    if plan.driver == "asyncpg":
        session = {"application_name": APPLICATION_NAME, "connect_timeout": CONNECT_TIMEOUT}
        return url("postgresql", cluster.parameters(), {**session, "sslmode": "disable"})
    named: dict[str, Any] = {NAMED_BY[cluster.engine]: APPLICATION_NAME}
    if plan.moves_name and cluster.engine == "postgresql":
        # Beside an address, a name would not be resolved.
        named["hostaddr"] = None
    return cluster.dsn(**named, connect_timeout=CONNECT_TIMEOUT)


def _hosts(plan: Plan, cluster: Cluster) -> Mapping[str, str]:
    return cluster.records() if plan.moves_name else cluster.hosts


def _environment(plan: Plan, cluster: Cluster, collector: Collector) -> dict[str, str]:
    # What the user has set for OpenTelemetry would send the telemetry elsewhere.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return inherited | cluster.environment() | collector.environment() | dict(plan.settings)


def _fail_over(
    plan: Plan, cluster: Cluster, application: Application, timeline: Timeline
) -> tuple[_Done, float]:
    """Let the failover happen to the application; return when its idle connections were used."""
    timeline.phase = Phase.HEALTHY
    time.sleep(plan.before)
    if plan.fresh_every:
        _wait_for_fresh_write(plan, timeline)
    application.check()
    timeline.phase = Phase.FAILING_OVER
    early = threading.Timer(EARLY, application.use_idle)
    used_idle = time.monotonic() + EARLY
    if plan.idle_after is None:
        early.start()
    if plan.service_lag:
        done, used_idle = _restart_before_service(plan, cluster, application, timeline)
    else:
        timeline.switch = switch = cluster.failover(plan.failover)
        done = _Done(switch, _published(switch))
    timeline.phase = Phase.AFTER
    if plan.moves_name:
        name, address = cluster.host("writer"), cluster.address(done.switch.new_writer)[0]
        left = done.published + plan.dns_lag - time.monotonic()
        threading.Timer(max(0, left), application.resolve, (name, address)).start()
    if plan.idle_after is not None and not plan.service_lag:
        used_idle = sleep_until(done.published + plan.idle_after)
        application.use_idle()
    sleep_until(done.published + plan.after)
    application.check()
    return done, used_idle


def _restart_before_service(
    plan: Plan, cluster: Cluster, application: Application, timeline: Timeline
) -> tuple[_Done, float]:
    """Have the old writer restart as a reader before the service leads to the new one.

    The restart ended all connections: whatever is used now connects to the old writer again.
    """
    timeline.switch = switch = cluster.failover(plan.failover, publish=False)
    application.use_idle()
    used_idle = time.monotonic()
    time.sleep(plan.service_lag)
    cluster.publish()
    return _Done(switch, time.monotonic()), used_idle


def _wait_for_fresh_write(plan: Plan, timeline: Timeline) -> None:
    """Wait until a fresh connection has just done its write.

    The next one is then opened after the failover, in every run: one that was caught in its write
    would hang with the others, and nothing fresh would come.
    """

    def fresh_writes() -> int:
        return sum(
            call.kind is ClientKind.FRESH and call.outcome is Outcome.OK for call in timeline.calls
        )

    seen = fresh_writes()
    deadline = time.monotonic() + 2 * plan.fresh_every
    while fresh_writes() == seen and time.monotonic() < deadline:
        time.sleep(0.02)


def _published(switch: Switch) -> float:
    assert switch.published is not None  # noqa: S101 - the lab was not asked to hide it
    return switch.published


def _sampled(cluster: Cluster, timeline: Timeline) -> None:
    # A server that restarts says nothing meanwhile.
    with suppress(LabError):
        timeline.sampled(_sample(cluster))


def _sample(cluster: Cluster) -> Sample:
    sessions = {
        instance: cluster.sessions(instance, application_name=APPLICATION_NAME)
        for instance in cluster.instances
    }
    return Sample(time.monotonic(), cluster.writer, sessions)
