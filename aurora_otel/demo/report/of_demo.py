"""A report of a demo."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from aurora_otel.demo.arguments import KINDS, default_driver
from aurora_otel.demo.report.figure_table import figure_table
from aurora_otel.demo.report.model import Fact, Report, Run
from aurora_otel.demo.report.of_recording import cluster_of, of_recording, workload
from aurora_otel.demo.stories import TITLES, command, event, explanation

if TYPE_CHECKING:
    from aurora_otel.demo.recording import Recording
    from aurora_otel.demo.result import Result


def of_demo(result: Result) -> Report:
    """Return the report of `result`."""
    switch = result.with_agent.switch
    document = result.as_json()
    story = event(result.failover, switch.old_writer, restarts=result.restarts)
    return Report(
        title=f"Failover of {switch.old_writer} to {switch.new_writer}: {result.failover.value}",
        story=f"{story} {switch.new_writer} became the writer.{_dns(result)} The same"
        " application went through it without the agent and with it.",
        explanation=explanation(
            result.failover, result.every_thread_hung, restarts=result.restarts
        ),
        made=datetime.fromtimestamp(result.without.clock.unix_ns / 1e9, tz=timezone.utc),
        cluster=cluster_of(result.runs),
        counted="Sessions of the application on each instance, as the servers count them.",
        runs=tuple(map(_run, result.runs)),
        figures=figure_table({run.name: document[run.name] for run in result.runs}),
        promises=result.promises,
        controls=result.controls,
        facts=(
            Fact("Workload", workload(result.with_agent)),
            *(Fact(name, version) for name, version in result.versions.items()),
        ),
        command=f"aurora-otel demo{_driver(result)} --failover {result.failover.value}"
        f"{_options(result)} --report FILE.html",
    )


def _dns(result: Result) -> str:
    if not result.dns_lag:
        return ""
    return f" DNS led to {result.with_agent.switch.old_writer} for {result.dns_lag:g} s more."


def _driver(result: Result) -> str:
    if result.driver == default_driver(result.engine):
        return f" --engine {result.engine}"
    return f" --driver {result.driver}"


def _options(result: Result) -> str:
    kind = "" if result.kind == KINDS[0] else f" --kind {result.kind}"
    pool = "" if result.pool == "none" else f" --pool {result.pool}"
    lag = f" --dns-lag {result.dns_lag:g}" if result.dns_lag else ""
    return f"{kind}{pool}{lag}"


def _run(run: Recording) -> Run:
    return of_recording(run, TITLES[run.name], command(run), instrumented=run.name != "without")
