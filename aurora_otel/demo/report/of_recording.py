"""One run of a report, out of its recording."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from aurora_otel.demo.figures import agent_figures
from aurora_otel.demo.recording import ClientKind, Operation, Outcome
from aurora_otel.demo.report import lanes
from aurora_otel.demo.report.failed import failures
from aurora_otel.demo.report.model import Moment, MomentKind, Run
from aurora_otel.demo.report.waterfall import waterfall
from aurora_otel.demo.report.words import count
from aurora_otel.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aurora_otel.demo.recording import Recording

_PREFIX = "AURORA_OTEL_"


def of_recording(
    run: Recording,
    title: str,
    command: str,
    *,
    instrumented: bool,
    more: Iterable[Moment] = (),
) -> Run:
    """Return `run` as a report shows it.

    Args:
        run: The recording.
        title: What it is, for a heading.
        command: What was run.
        instrumented: Whether the agent was there.
        more: What else happened, and when.
    """
    start, end = lanes.span(run)
    return Run(
        name=run.name,
        title=title,
        command=command,
        start=start,
        end=end,
        moments=tuple(sorted([*_moments(run), *more], key=lambda moment: moment.at)),
        writes=lanes.writes(run),
        bin_seconds=lanes.BIN,
        connections=lanes.connections(run),
        failures=failures(run),
        spans=waterfall(run),
        settings={name.removeprefix(_PREFIX): value for name, value in run.settings.items()}
        if instrumented
        else None,
    )


def _moments(run: Recording) -> Iterator[Moment]:
    began = run.switch.began
    yield Moment(0, "the failover begins", MomentKind.FAILOVER)
    published = run.published - began
    yield Moment(published, "the topology names the new writer", MomentKind.PUBLISHED)
    if (verdict := agent_figures(run).verdict_seconds) is not None:
        yield Moment(verdict, "the agent's verdict, and its cleanup", MomentKind.VERDICT)
    used_idle = run.used_idle - began
    yield Moment(used_idle, "the idle connections are used", MomentKind.IDLE_USED)


def cluster_of(runs: Iterable[Recording]) -> str:
    """Return how telemetry calls the cluster of `runs`."""
    for run in runs:
        for span in run.telemetry.spans:
            if names.CLUSTER_ID in span.attributes:
                return str(span.attributes[names.CLUSTER_ID])
    return "unknown"


def workload(run: Recording) -> str:
    """Return in words what the application did."""
    clients = Counter(kind for kind, _client in {(call.kind, call.client) for call in run.writes})
    fresh = sum(
        call.operation is Operation.CONNECT
        and call.kind is ClientKind.FRESH
        and call.outcome is Outcome.CONNECTED
        for call in run.calls
    )
    return (
        f"{count(clients[ClientKind.WRITER], 'thread')} writing all the time, "
        f"{count(clients[ClientKind.IDLE], 'connection')} idle until used once, "
        f"{count(fresh, 'fresh connection')} for one write each"
    )
