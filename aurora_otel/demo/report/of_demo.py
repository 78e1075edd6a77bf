"""A report of a demo."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from aurora_otel.demo.figures import agent_figures
from aurora_otel.demo.recording import ClientKind, Operation, Outcome
from aurora_otel.demo.report import lanes
from aurora_otel.demo.report.failed import failures
from aurora_otel.demo.report.figure_table import figure_table
from aurora_otel.demo.report.model import Fact, Moment, Report, Run
from aurora_otel.demo.report.waterfall import waterfall
from aurora_otel.demo.report.words import count
from aurora_otel.demo.view import TITLES
from aurora_otel.lab import Failover
from aurora_otel.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aurora_otel.demo.recording import Recording
    from aurora_otel.demo.result import Result

_RUN_TITLES = {
    "without": "Without the agent",
    "with": "With the agent",
    "with_every_thread_hung": "With the agent, every thread hung",
}
_STORIES = {
    Failover.CRASH: "{old} died with all its connections and came back as a reader.",
    Failover.SWITCHOVER: "{old} became a reader, stayed up, kept its sessions and refused writes.",
    Failover.HANG: "{old} stopped answering, and its sockets stayed open.",
}
_PREFIX = "AURORA_OTEL_"


def of_demo(result: Result) -> Report:
    """Return the report of `result`."""
    switch = result.with_agent.switch
    document = result.as_json()
    story = _STORIES[result.failover].format(old=switch.old_writer)
    return Report(
        title=f"Failover of {switch.old_writer} to {switch.new_writer}: {result.failover.value}",
        story=f"{story} {switch.new_writer} became the writer. The same application went through "
        "it without the agent and with it.",
        made=datetime.fromtimestamp(result.without.clock.unix_ns / 1e9, tz=timezone.utc),
        cluster=_cluster(result),
        counted="Sessions of the application on each instance, as the servers count them.",
        runs=tuple(map(_run, result.runs)),
        figures=figure_table({run.name: document[run.name] for run in result.runs}),
        promises=result.promises,
        facts=(
            Fact("Workload", _workload(result.with_agent)),
            *(Fact(name, version) for name, version in result.versions.items()),
        ),
        command=f"aurora-otel demo --failover {result.failover.value} --report FILE.html",
    )


def _run(run: Recording) -> Run:
    start, end = lanes.span(run)
    instrumented = run.name != "without"
    return Run(
        name=run.name,
        title=_RUN_TITLES[run.name],
        command=TITLES["with" if instrumented else "without"],
        start=start,
        end=end,
        moments=tuple(sorted(_moments(run), key=lambda moment: moment.at)),
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
    yield Moment(0, "the failover begins")
    yield Moment(run.published - began, "the topology names the new writer")
    if (verdict := agent_figures(run).verdict_seconds) is not None:
        yield Moment(verdict, "the agent's verdict, and its cleanup")
    yield Moment(run.used_idle - began, "the idle connections are used")


def _cluster(result: Result) -> str:
    for run in result.runs:
        for span in run.telemetry.spans:
            if names.CLUSTER_ID in span.attributes:
                return str(span.attributes[names.CLUSTER_ID])
    return "unknown"


def _workload(run: Recording) -> str:
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
