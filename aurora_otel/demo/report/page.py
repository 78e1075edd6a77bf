"""A report as a page: one file, readable without a network and without a script."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from aurora_otel.demo.report import words
from aurora_otel.demo.report.draw import draw_lanes, draw_waterfall
from aurora_otel.demo.report.drawing import Drawing
from aurora_otel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aurora_otel.demo.report.model import Kind, Report, Run


def page(report: Report) -> str:
    """Return `report` as HTML."""
    environment = Environment(
        loader=PackageLoader("aurora_otel.demo.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        json=json.dumps, duration=words.duration, moment=words.moment, count=words.count
    )
    return environment.get_template("page.html.j2").render(
        report=report,
        amount=words.amount,
        brief=words.brief,
        writes=[writes_drawing(report, run) for run in report.runs],
        connections=[connections_drawing(report, run) for run in report.runs],
        waterfalls={run.name: waterfall_drawing(run) for run in report.runs if run.spans},
        settings=list(_settings(report)),
        instrumented=[run for run in report.runs if run.settings is not None],
    )


def writes_drawing(report: Report, run: Run) -> Drawing:
    """Return the writes of `run` over time; all runs have one scale for writes, one for waiting."""
    waiting = {
        lane.kind: lane.kind.value == "waiting" for each in report.runs for lane in each.writes
    }
    tallest = [
        _tallest(report, {kind for kind, waits in waiting.items() if waits is waiting[lane.kind]})
        for lane in run.writes
    ]
    ended = ", ".join(f"{lane.total} {lane.name}" for lane in run.writes)
    drawing = Drawing(
        f"writes-{run.name}",
        f"{run.title}: writes over time",
        f"{ended}. {_moments(run)}",
        0,
    )
    return draw_lanes(drawing, run.writes, moments=run.moments, span=report.span, tallest=tallest)


def connections_drawing(report: Report, run: Run) -> Drawing:
    """Return the connections of `run` over time, by instance."""
    most = max(
        (step.count for each in report.runs for lane in each.connections for step in lane.steps),
        default=1,
    )
    ended = ", ".join(f"{lane.name}: {lane.total}" for lane in run.connections)
    drawing = Drawing(
        f"connections-{run.name}",
        f"{run.title}: connections per instance over time",
        f"{ended}. {_moments(run)}",
        0,
    )
    return draw_lanes(
        drawing,
        run.connections,
        moments=run.moments,
        span=report.span,
        tallest=[max(most, 1)] * len(run.connections),
    )


def waterfall_drawing(run: Run) -> Drawing:
    """Return the spans of the failover in `run`."""
    described = "; ".join(
        f"{span.name}{f' ({span.remark})' if span.remark else ''} from {words.moment(span.start)} "
        f"on, for {words.duration(span.end - span.start)}"
        for span in run.spans
    )
    drawing = Drawing(f"spans-{run.name}", f"{run.title}: the failover's spans", f"{described}.", 0)
    return draw_waterfall(drawing, run.spans)


def _tallest(report: Report, kinds: set[Kind]) -> int:
    counts = (
        step.count
        for run in report.runs
        for lane in run.writes
        if lane.kind in kinds
        for step in lane.steps
    )
    return max(1, max(counts, default=1))


def _moments(run: Run) -> str:
    return "; ".join(f"{words.moment(one.at)}: {one.what}" for one in run.moments) + "."


def _settings(report: Report) -> Iterator[tuple[str, dict[str, tuple[str, bool]]]]:
    """Yield each setting with, by run, its value and whether it was set."""
    for field in fields(Settings):
        name = field.name.upper()
        default = str(field.metadata["default"]).strip("`")
        yield (
            name,
            {
                run.name: (run.settings.get(name, default), name in run.settings)
                for run in report.runs
                if run.settings is not None
            },
        )
