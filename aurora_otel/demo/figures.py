"""What a run amounts to, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from aurora_otel.demo import metrics
from aurora_otel.demo.recording import Call, ClientKind, Operation, Outcome, Recording
from aurora_otel.demo.trace import failovers
from aurora_otel.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Iterable

LAST_SECONDS = 2.0
"""How long before its end a run is examined for writes that go on failing."""


@dataclass(frozen=True)
class Refused:
    """Writes that the old writer refused after the topology had named the new one.

    Args:
        total: All of them.
        most_per_writing_thread: The largest number of those in one thread.
        on_idle_connections: Those on connections that had been idle until then.
        on_new_connections: Those on connections that were opened after the old writer had become
            a reader: DNS led there.
    """

    total: int
    most_per_writing_thread: int
    on_idle_connections: int
    on_new_connections: int


@dataclass(frozen=True)
class Figures:
    """One run in numbers; seconds count from the moment the failover began.

    Args:
        writes: Attempts to write.
        accepted_writes: Those that were accepted.
        failed_writes: Those that were refused, or that never returned, or failed otherwise while
            their connection lived.
        failed_writes_in_the_end: How many of them ended in the last `LAST_SECONDS`, or never.
        closed_writes: Writes that failed with the driver's lost-connection error.
        most_closed_writes_per_connection: The largest number of those on one connection.
        most_failed_writes_per_writing_thread: The largest number of writes of such a thread that
            failed in any way once the topology named the new writer.
        failed_connects: Connects that failed.
        hung_calls: Calls that never returned.
        refused_after_published: What the old writer refused after the topology named the new one.
        sessions_on_old_writer: Sessions of the application there before it was stopped.
        writing_threads: How many threads write all the time.
        writing_threads_that_write_again: How many of them had a write that the new writer took.
        seconds_to_published: Until the topology named the new writer.
        seconds_to_first_clean_write: Until the new writer took a write of such a thread.
        seconds_to_last_failed_write: Until the last write failed, in any way.
        seconds_to_no_stale_connection: Until no session was left on the old writer.
        seconds_without_a_write: The longest that one of these threads had no write accepted.
    """

    writes: int
    accepted_writes: int
    failed_writes: int
    failed_writes_in_the_end: int
    closed_writes: int
    most_closed_writes_per_connection: int
    most_failed_writes_per_writing_thread: int
    failed_connects: int
    hung_calls: int
    refused_after_published: Refused
    sessions_on_old_writer: int
    writing_threads: int
    writing_threads_that_write_again: int
    seconds_to_published: float
    seconds_to_first_clean_write: float | None
    seconds_to_last_failed_write: float | None
    seconds_to_no_stale_connection: float | None
    seconds_without_a_write: float


@dataclass(frozen=True)
class AgentFigures:
    """What the agent exported about the failover, and what it did for calls that were stuck.

    Args:
        invalidated: Connections that it closed.
        failovers: Failovers that it counted.
        symptoms: By what it noticed them, of each `failover` span.
        detection_seconds: From the symptom to the verdict; of several failovers, on average.
        cleanup_seconds: From the verdict to the last connection that was shut down; likewise.
        verdict_seconds: From the failover's begin to the verdict.
        closed_writes_after_cleanup: Writes that began after that on a connection that was gone.
        stuck_calls: Writes that were in flight at the verdict and failed after it.
        stuck_seconds_after_verdict: The longest time from the verdict until one of them returned.
        stuck_errors: With what they failed, each once.
    """

    invalidated: int
    failovers: int
    symptoms: tuple[str, ...]
    detection_seconds: float | None
    cleanup_seconds: float | None
    verdict_seconds: float | None
    closed_writes_after_cleanup: int
    stuck_calls: int
    stuck_seconds_after_verdict: float | None
    stuck_errors: tuple[str, ...]


def figures(run: Recording) -> Figures:
    """Return what `run` amounts to for the application."""
    switch = run.switch
    settled = settled_at(run)
    writers = [call for call in run.writes if call.kind is ClientKind.WRITER]
    clean = [call for call in writers if call.outcome is Outcome.OK and call.start >= settled]
    failed = failed_writes(run.writes)
    closed = [call for call in run.writes if call.outcome is Outcome.CLOSED]
    return Figures(
        writes=len(run.writes),
        accepted_writes=sum(call.outcome is Outcome.OK for call in run.writes),
        failed_writes=len(failed),
        failed_writes_in_the_end=sum(
            call.in_flight or call.end > run.ended - LAST_SECONDS for call in failed
        ),
        closed_writes=len(closed),
        most_closed_writes_per_connection=most(call.connection for call in closed),
        most_failed_writes_per_writing_thread=most(
            call.client
            for call in (*failed, *closed)
            if call.kind is ClientKind.WRITER and call.start > run.published
        ),
        failed_connects=sum(
            call.operation is Operation.CONNECT and call.outcome is Outcome.CONNECT_FAILED
            for call in run.calls
        ),
        hung_calls=len(run.in_flight),
        refused_after_published=refused(run),
        sessions_on_old_writer=run.sessions[switch.old_writer],
        writing_threads=len({call.client for call in writers}),
        writing_threads_that_write_again=len({call.client for call in clean}),
        seconds_to_published=run.published - switch.began,
        seconds_to_first_clean_write=min((call.end - switch.began for call in clean), default=None),
        seconds_to_last_failed_write=max(
            (call.end - switch.began for call in (*failed, *closed)), default=None
        ),
        seconds_to_no_stale_connection=seconds_to_no_stale_connection(run),
        seconds_without_a_write=seconds_without_a_write(run),
    )


def failed_writes(calls: Iterable[Call]) -> list[Call]:
    """Return those of `calls` that are failed writes, other than on a lost connection."""
    bad = {Outcome.REFUSED, Outcome.FAILED, Outcome.IN_FLIGHT}
    return [call for call in calls if call.operation is Operation.WRITE and call.outcome in bad]


def settled_at(run: Recording) -> float:
    """Return when the topology named the new writer, and the old one took no write any more."""
    return max(run.published, run.switch.refused or 0)


def refused(run: Recording) -> Refused:
    """Return what was refused after the topology had named the new writer."""
    late = [
        call for call in run.writes if call.outcome is Outcome.REFUSED and call.end > run.published
    ]
    settled = settled_at(run)
    new = {
        call.connection
        for call in run.calls
        if call.operation is Operation.CONNECT and call.start > settled
    }
    return Refused(
        total=len(late),
        most_per_writing_thread=most(
            call.client for call in late if call.kind is not ClientKind.IDLE
        ),
        on_idle_connections=sum(call.kind is ClientKind.IDLE for call in late),
        on_new_connections=sum(call.connection in new for call in late),
    )


def seconds_to_no_stale_connection(run: Recording) -> float | None:
    """Return after how many seconds the samples show no session on the old writer, for good."""
    if run.sessions[run.switch.old_writer]:
        return None
    gone: float | None = None
    for sample in run.samples:
        if sample.at < run.switch.began:
            continue
        if sample.sessions[run.switch.old_writer]:
            gone = None
        elif gone is None:
            gone = sample.at
    return None if gone is None else gone - run.switch.began


def seconds_without_a_write(run: Recording) -> float:
    """Return the longest time of `run` in which one writing thread had no write accepted."""
    accepted: dict[str, list[float]] = {}
    for call in run.writes:
        if call.kind is ClientKind.WRITER:
            ends = accepted.setdefault(call.client, [])
            if call.outcome is Outcome.OK:
                ends.append(call.end)
    return max(
        (
            later - at
            for ends in accepted.values()
            for at, later in pairwise([run.started, *sorted(ends), run.ended])
        ),
        default=run.ended - run.started,
    )


def agent_figures(run: Recording) -> AgentFigures:
    """Return what the agent exported about `run`, and what became of the calls that were stuck."""
    exports = run.telemetry.exports
    traces = failovers(run.telemetry.spans)
    verdicts = [run.clock.at(trace.verdict_ns) for trace in traces if trace.verdict_ns is not None]
    verdict = min(verdicts, default=None)
    stuck = [] if verdict is None else stuck_calls(run.writes, verdict)
    cleanup = metrics.average(exports, names.CLEANUP.name)
    return AgentFigures(
        invalidated=round(
            metrics.total(
                exports,
                names.INVALIDATIONS.name,
                {names.INVALIDATION_OUTCOME: "closed"},
            )
            or 0
        ),
        failovers=round(metrics.total(exports, names.FAILOVERS.name) or 0),
        symptoms=tuple(str(trace.tree.span.attributes.get(names.SYMPTOM)) for trace in traces),
        detection_seconds=metrics.average(exports, names.DETECTION.name),
        cleanup_seconds=cleanup,
        verdict_seconds=None if verdict is None else verdict - run.switch.began,
        closed_writes_after_cleanup=(
            0 if verdict is None else closed_writes_after(run.writes, verdict + (cleanup or 0))
        ),
        stuck_calls=len(stuck),
        stuck_seconds_after_verdict=(
            None if verdict is None else max((call.end - verdict for call in stuck), default=None)
        ),
        stuck_errors=tuple(sorted({call.error for call in stuck})),
    )


def closed_writes_after(calls: Iterable[Call], moment: float) -> int:
    """Return how many calls that began after `moment` failed because their connection was gone."""
    return sum(call.outcome is Outcome.CLOSED and call.start > moment for call in calls)


def stuck_calls(calls: Iterable[Call], verdict: float) -> list[Call]:
    """Return the calls that were in flight at the verdict and did not succeed."""
    bad = {Outcome.CLOSED, Outcome.FAILED, Outcome.IN_FLIGHT}
    return [call for call in calls if call.start < verdict < call.end and call.outcome in bad]


def most(keys: Iterable[object]) -> int:
    """Return how often the most frequent of `keys` occurs."""
    return max(Counter(keys).values(), default=0)
