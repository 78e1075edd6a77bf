"""A report as a page: one file, readable without a network and without a script."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from aurora_otel.demo.report import words
from aurora_otel.demo.report.draw import draw_lanes, draw_waterfall
from aurora_otel.demo.report.draw_narrow import draw_lanes_narrow, draw_waterfall_narrow
from aurora_otel.demo.report.drawing import Drawing
from aurora_otel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aurora_otel.demo.report.model import Kind, Lane, Report, Run

Drawings = tuple[Drawing, Drawing]
"""One graphic for a window of usual width, and for a phone."""


def page(report: Report) -> str:
    """Return `report` as HTML."""
    return (
        templates()
        .get_template("page.html.j2")
        .render(
            report=report,
            amount=words.amount,
            brief=words.brief,
            writes=[writes_drawing(report, run) for run in report.runs],
            connections=[connections_drawing(report, run) for run in report.runs],
            waterfalls={run.name: waterfall_drawing(run) for run in report.runs if run.spans},
            settings=list(_settings(report)),
            instrumented=[run for run in report.runs if run.settings is not None],
        )
    )


def templates() -> Environment:
    """Return the environment of the templates; what they write is escaped."""
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
    return environment


def writes_drawing(report: Report, run: Run) -> Drawings:
    """Return the writes of `run` over time; all runs have one scale for writes, one for waiting."""
    waiting = {
        lane.kind: lane.kind.value == "waiting" for each in report.runs for lane in each.writes
    }
    tallest = [
        _tallest(report, {kind for kind, waits in waiting.items() if waits is waiting[lane.kind]})
        for lane in run.writes
    ]
    ended = ", ".join(f"{lane.total} {lane.name}" for lane in run.writes)
    described = (f"{run.title}: writes over time", f"{ended}. {_moments(run)}")
    return _lanes(report, run, run.writes, tallest, (f"writes-{run.name}", *described))


def connections_drawing(report: Report, run: Run) -> Drawings:
    """Return the connections of `run` over time, by instance."""
    most = max(
        (step.count for each in report.runs for lane in each.connections for step in lane.steps),
        default=1,
    )
    ended = ", ".join(f"{lane.name}: {lane.total}" for lane in run.connections)
    described = (f"{run.title}: connections per instance over time", f"{ended}. {_moments(run)}")
    tallest = [max(most, 1)] * len(run.connections)
    return _lanes(report, run, run.connections, tallest, (f"connections-{run.name}", *described))


def _lanes(
    report: Report,
    run: Run,
    lanes: Sequence[Lane],
    tallest: Sequence[int],
    described: tuple[str, str, str],
) -> Drawings:
    wide, narrow = _both(*described)
    draw_lanes(wide, lanes, moments=run.moments, span=report.span, tallest=tallest)
    draw_lanes_narrow(narrow, lanes, moments=run.moments, span=report.span, tallest=tallest)
    return wide, narrow


def _both(name: str, title: str, description: str) -> Drawings:
    return Drawing(name, title, description), Drawing(f"{name}-narrow", title, description)


def waterfall_drawing(run: Run) -> Drawings:
    """Return the spans of the failover in `run`."""
    described = "; ".join(
        f"{span.name}{f' ({span.remark})' if span.remark else ''} from {words.moment(span.start)} "
        f"on, for {words.duration(span.end - span.start)}"
        for span in run.spans
    )
    title = f"{run.title}: the failover's spans"
    wide, narrow = _both(f"spans-{run.name}", title, f"{described}.")
    return draw_waterfall(wide, run.spans), draw_waterfall_narrow(narrow, run.spans)


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
