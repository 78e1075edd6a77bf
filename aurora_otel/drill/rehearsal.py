"""The drill itself: a workload on a healthy cluster, a failover, and what becomes of both."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from aurora_otel.collector import Collector
from aurora_otel.demo.application import Application
from aurora_otel.demo.recording import (
    Clock,
    Operation,
    Outcome,
    Phase,
    Recording,
    Telemetry,
    agent_settings,
)
from aurora_otel.demo.waiting import Repeatedly, sleep_until, wait_until_started
from aurora_otel.discovery.rds.answers import ApiError, ApiEvent
from aurora_otel.doctor.api import words
from aurora_otel.doctor.walking import Way
from aurora_otel.drill.errors import NoFailoverError, RefusedError
from aurora_otel.drill.watch import Watch
from aurora_otel.model import endpoints

if TYPE_CHECKING:
    from aurora_otel.demo.recording import Timeline
    from aurora_otel.drill.intent import Intent
    from aurora_otel.drill.place import Place
    from aurora_otel.settings import Settings

NAME = "drill"
WRITERS, IDLE = 2, 4
WRITE_EVERY = 0.05
WATCH_EVERY = 0.1
EXPORT_EVERY = 0.25
IDLE_AFTER = 3.0
"""Seconds after the change of the writer at which the idle connections are used."""


@dataclass(frozen=True, slots=True)
class Course:
    """How long the parts of a drill take, in seconds.

    Attributes:
        before: the healthy part.
        timeout: until the cluster must have another writer.
        after: from then to the end.
    """

    before: float = 5.0
    timeout: float = 180.0
    after: float = 15.0


@dataclass(frozen=True, slots=True)
class Change:
    """The failover as the drill saw it; a `Switch`."""

    old_writer: str
    new_writer: str
    began: float
    refused: float | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of a drill.

    Attributes:
        recording: what happened to the workload.
        events: the events that RDS reports about it; none where that may not be read.
    """

    recording: Recording
    events: tuple[ApiEvent, ...]


def rehearse(
    intent: Intent, place: Place, settings: Settings, course: Course, timeline: Timeline
) -> Rehearsal:
    """Fail the cluster over under the workload; `timeline` shows it while it goes on.

    Raises:
        RefusedError: the failover was not asked for, or RDS refused it.
        NoFailoverError: it did not take place in time.
        ApplicationError: the workload does not run.
    """
    with ExitStack() as stack:
        collector = stack.enter_context(Collector())
        environment = _environment(place, collector)
        application = stack.enter_context(
            Application(
                [
                    place.dsn,
                    f"--writers={WRITERS}",
                    f"--idle={IDLE}",
                    f"--write-every={WRITE_EVERY}",
                ],
                environment=environment,
                instrumented=True,
                timeline=timeline,
            )
        )
        timeline.started = started = wait_until_started(application, timeline, WRITERS + IDLE)
        clock = Clock.now()
        domain = endpoints.parse(intent.cluster.endpoint, intent.cluster.port).domain
        way = stack.enter_context(closing(Way(place.visited, settings, domain)))
        watch = Watch(way, intent.writer, collector, timeline)
        with Repeatedly(watch.read, WATCH_EVERY):
            timeline.phase = Phase.HEALTHY
            time.sleep(course.before)
            _check_health(watch, intent, application, timeline)
            change, changed = _fail_over(intent, watch, application, course, timeline)
            used_idle = sleep_until(changed + min(IDLE_AFTER, course.after))
            application.use_idle()
            ended = sleep_until(changed + course.after)
            application.check()
        sessions = watch.connections()
        timeline.phase = Phase.STOPPING
        stopped = application.stop()
        timeline.phase = Phase.DONE
        recording = Recording(
            name=NAME,
            settings=agent_settings(environment),
            started=started,
            switch=change,
            published=changed,
            used_idle=used_idle,
            ended=ended,
            calls=timeline.calls_since(started),
            in_flight=timeline.in_flight,
            samples=timeline.samples,
            sessions=sessions,
            terminated=not stopped,
            output=application.output,
            clock=clock,
            telemetry=Telemetry.of(collector),
        )
    return Rehearsal(recording, _events(intent, clock.unix(change.began)))


def _environment(place: Place, collector: Collector) -> dict[str, str]:
    # What the user has set for OpenTelemetry would send the telemetry elsewhere.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    exporting = collector.environment("aurora-otel-drill", interval=EXPORT_EVERY)
    return inherited | exporting | dict(place.environment)


def _check_health(
    watch: Watch, intent: Intent, application: Application, timeline: Timeline
) -> None:
    """Refuse to fail over what is not healthy before."""
    application.check()
    writes = [call for call in timeline.calls if call.operation is Operation.WRITE]
    failed = sum(call.outcome is not Outcome.OK for call in writes)
    if failed or not writes:
        raise RefusedError(
            f"{failed} of {len(writes)} writes failed before anything was done to the cluster:"
            " find out why first."
        )
    if watch.writer != intent.writer or watch.changed is not None:
        raise RefusedError(
            f"The writer changed to {watch.writer} before anything was done to the cluster:"
            " start again."
        )


def _fail_over(
    intent: Intent, watch: Watch, application: Application, course: Course, timeline: Timeline
) -> tuple[Change, float]:
    """Ask for the failover, and wait for it; return it, and when it was seen."""
    timeline.phase = Phase.FAILING_OVER
    began = time.monotonic()
    try:
        intent.api.fail_over(intent.cluster.identifier, intent.target)
    except ApiError as error:
        reason, remedy = words(error)
        raise RefusedError(f"RDS does not fail the cluster over: {reason}. {remedy}") from None
    while watch.changed is None:
        application.check()
        if time.monotonic() > began + course.timeout:
            raise NoFailoverError(
                f"The failover did not take place within {course.timeout:g} s:"
                f" {watch.writer} still is the writer{_status(intent)}."
            )
        time.sleep(WATCH_EVERY)
    timeline.phase = Phase.AFTER
    return Change(intent.writer, watch.writer, began), watch.changed


def _status(intent: Intent) -> str:
    try:
        return f", and RDS calls the cluster {intent.api.cluster(intent.cluster.identifier).status}"
    except ApiError:
        return ""


def _events(intent: Intent, began_ns: int) -> tuple[ApiEvent, ...]:
    # Another clock's: a moment earlier may mean the same moment.
    since = datetime.fromtimestamp(began_ns / 1e9, tz=timezone.utc) - timedelta(seconds=5)
    try:
        return intent.api.failover_events(intent.cluster.identifier, since)
    except ApiError:
        return ()
