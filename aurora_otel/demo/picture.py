"""A demo as one picture, for a README: the accepted writes of each run through the failover."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from aurora_otel.demo.figures import figures
from aurora_otel.demo.recording import Outcome, Recording
from aurora_otel.demo.report.drawing import Curve, Drawing, Line, Rectangle, Scale, Text, ticks
from aurora_otel.demo.report.page import templates
from aurora_otel.demo.report.words import count

if TYPE_CHECKING:
    from aurora_otel.demo.result import Result

BIN = 0.5
"""Seconds over which writes are counted; a bin begins where the failover does."""

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 736, 108, 330

Rates = tuple[tuple[float, float], ...]
"""Writes per second from each time on, in seconds since the failover began."""


def picture(result: Result) -> str:
    """Return the runs without and with the agent as SVG."""
    runs = {"without": result.without, "with": result.with_agent}
    every = {name: rates(run) for name, run in runs.items()}
    low = max(curve[0][0] for curve in every.values())
    high = min(curve[-1][0] + BIN for curve in every.values())
    across = Scale(low, high, LEFT, RIGHT)
    most = max(rate for curve in every.values() for _, rate in curve)
    up = Scale(0, max(most, 1) * 1.05, BOTTOM, TOP)
    drawing = _frame(result, across, up)
    for name, curve in every.items():
        shown = tuple((at, rate) for at, rate in curve if low <= at < high)
        drawing.curves.append(Curve(_stairs(shown, across, up), name))
    template = templates().get_template("picture.svg.j2")
    return template.render(drawing=drawing)


def rates(run: Recording) -> Rates:
    """Return the accepted writes of `run` per second, over each whole bin in which it was watched.

    Raises:
        ValueError: it was not watched for as long as a bin.
    """
    began = run.switch.began
    first = math.ceil((run.started - began) / BIN)
    after = math.floor((run.ended - began) / BIN)
    if after <= first:
        raise ValueError(f"a run of {run.ended - run.started:g} s is too short for a curve")
    counted = Counter(
        math.floor((call.end - began) / BIN) for call in run.writes if call.outcome is Outcome.OK
    )
    return tuple((number * BIN, counted[number] / BIN) for number in range(first, after))


def _frame(result: Result, across: Scale, up: Scale) -> Drawing:
    """Return all of the picture but its curves."""
    switch = result.with_agent.switch
    title = f"Accepted writes per second through a {result.failover.value}"
    words = {
        "without": f"without the agent: {_outcome(result.without)}",
        "with": f"with the agent: {_outcome(result.with_agent)}",
    }
    described = (
        f"The writer changed from {switch.old_writer} to {switch.new_writer}. The same application,"
        f" {'; '.join(words.values())}."
    )
    drawing = Drawing("demo", title, described, WIDTH, HEIGHT)
    drawing.rectangles.append(Rectangle(0, 0, WIDTH, HEIGHT, "page"))
    drawing.texts.append(Text(16, 30, title, "title"))
    for row, (name, said) in enumerate(words.items()):
        y = 58 + 24 * row
        drawing.curves.append(Curve(((16, y - 5), (46, y - 5)), name))
        drawing.texts.append(Text(56, y, said, ""))
    for rate in ticks(0, up.high, 4):
        height = up(rate)
        drawing.lines.append(Line(LEFT, height, RIGHT, height, "grid" if rate else "axis"))
        drawing.texts.append(Text(LEFT - 8, height + 5, f"{rate:g}", "quiet", "end"))
    for second in ticks(across.low, across.high, 10):
        drawing.texts.append(Text(across(second), BOTTOM + 22, f"{second:g}", "quiet", "middle"))
    middle = (LEFT + RIGHT) / 2
    words_below = "seconds since the failover began (dashed)"
    drawing.texts.append(Text(middle, BOTTOM + 50, words_below, "quiet", "middle"))
    drawing.lines.append(Line(across(0), TOP, across(0), BOTTOM, "failover"))
    return drawing


def _outcome(run: Recording) -> str:
    found = figures(run)
    failed = found.failed_writes + found.closed_writes
    return f"{count(found.accepted_writes, 'write')} accepted, {failed:,} failed"


def _stairs(curve: Rates, across: Scale, up: Scale) -> tuple[tuple[float, float], ...]:
    """Return the corners of a curve that stays at a rate for a whole bin."""
    return tuple((across(at), up(rate)) for start, rate in curve for at in (start, start + BIN))
