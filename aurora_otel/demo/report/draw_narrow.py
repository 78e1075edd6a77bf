"""The same drawings for a phone: words stand above what they name, and none is small."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from aurora_otel.demo.report.draw import (
    INDENT,
    LANE,
    ROW,
    X_AXIS,
    draw_bars,
    draw_milliseconds,
    draw_span,
    draw_time,
    waterfall_scale,
)
from aurora_otel.demo.report.drawing import Drawing, Line, Scale, Text
from aurora_otel.demo.report.words import duration, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aurora_otel.demo.report.model import Lane, Moment, SpanBar

WIDTH = 340
EDGE = 12
"""So that the number at an end of an axis is not cut."""
SAMPLE = 22
CHARACTERS = 46
"""How many have room in a line, whatever they are."""
NAME_CHARACTERS = 38
"""How many of a name's."""
ABOUT_SO_MANY_TICKS = 6


def draw_lanes_narrow(
    drawing: Drawing,
    lanes: Sequence[Lane],
    *,
    moments: Sequence[Moment],
    span: tuple[float, float],
    tallest: Sequence[int],
) -> Drawing:
    """Draw `lanes` into `drawing`; the arguments are those of `draw_lanes`."""
    across = Scale(*span, EDGE, WIDTH - EDGE)
    top = _legend(drawing, moments) + 4
    names = [textwrap.wrap(lane.name, NAME_CHARACTERS) for lane in lanes]
    header = (1 + max(map(len, names), default=1)) * ROW + 4
    bottom = top + len(lanes) * (header + LANE + 4)
    drawing.width, drawing.height = WIDTH, bottom + 2 * ROW + 4
    draw_time(drawing, across, top, bottom, ABOUT_SO_MANY_TICKS)
    drawing.texts.append(Text(WIDTH / 2, bottom + 2 * ROW, X_AXIS, "scale", "middle"))
    for one in moments:
        x = across(one.at)
        drawing.lines.append(Line(x, top, x, bottom, f"moment {one.kind.value}"))
    for number, (lane, most) in enumerate(zip(lanes, tallest, strict=True)):
        y = top + number * (header + LANE + 4)
        for line, words in enumerate(names[number], start=1):
            drawing.texts.append(Text(0, y + line * ROW - 2, words, "name over"))
        below = y + header - 7
        drawing.texts.append(Text(0, below, lane.total, "label"))
        unit = f"{most:,} {' '.join(lane.unit)}"
        drawing.texts.append(Text(WIDTH, below, unit, "label", "end"))
        draw_bars(drawing, lane, y + header, across, most)
    return drawing


def _legend(drawing: Drawing, moments: Sequence[Moment]) -> int:
    """Write what happened, each with a sample of its line; return where the text ends."""
    row = 0
    for one in moments:
        words = f"{moment(one.at)}: {one.what}"
        lines = textwrap.wrap(words, CHARACTERS, break_on_hyphens=False)
        middle = row * ROW + ROW - 8
        drawing.lines.append(Line(0, middle, SAMPLE, middle, f"moment {one.kind.value}"))
        for line in lines:
            row += 1
            drawing.texts.append(Text(SAMPLE + 8, row * ROW - 4, line, "label"))
    return row * ROW


def draw_waterfall_narrow(drawing: Drawing, spans: Sequence[SpanBar]) -> Drawing:
    """Draw `spans` into `drawing`: the name, a remark and the duration above each bar."""
    across = waterfall_scale(spans, EDGE, WIDTH - EDGE)
    height = 3 * ROW + 10
    bottom = len(spans) * height
    drawing.width, drawing.height = WIDTH, bottom + 3 * ROW + 4
    draw_milliseconds(drawing, across, bottom, ABOUT_SO_MANY_TICKS)
    words = (
        f"milliseconds since the first of them began, {moment(across.low)} after the failover did"
    )
    for number, line in enumerate(textwrap.wrap(words, CHARACTERS)):
        drawing.texts.append(Text(0, bottom + (2 + number) * ROW, line, "scale"))
    for number, span in enumerate(spans):
        y, x = number * height, span.depth * INDENT
        drawing.texts.append(Text(x, y + ROW - 2, span.name, "name over"))
        lasted = duration(span.end - span.start)
        drawing.texts.append(Text(WIDTH, y + ROW - 2, lasted, "label", "end"))
        drawing.texts.append(Text(x, y + 2 * ROW - 3, span.remark, "label"))
        draw_span(drawing, span, y + 2 * ROW + 3, across)
    return drawing
