"""Lanes over time, and spans as a waterfall, as drawings for a window of usual width."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from aurora_otel.demo.report.drawing import Drawing, Line, Rectangle, Scale, Text, ticks
from aurora_otel.demo.report.words import duration, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aurora_otel.demo.report.model import Lane, Moment, SpanBar

WIDTH = 860
LEFT = 170
RIGHT = 78
ROW = 18
"""Height of a line of text with some air."""
LANE = 46
LANE_GAP = 12
SMALLEST = 2
"""What is not nought must be seen, however little it is."""
BAR = 16
NAME_WIDTH = 250
INDENT = 14
CHARACTER = 6.6
"""How wide one is on average; fonts differ, and this is that of a wide one."""
ABOUT_SO_MANY_TICKS = 10
X_AXIS = "seconds since the failover began"


def draw_lanes(
    drawing: Drawing,
    lanes: Sequence[Lane],
    *,
    moments: Sequence[Moment],
    span: tuple[float, float],
    tallest: Sequence[int],
) -> Drawing:
    """Draw `lanes` into `drawing`, one below the other on one axis of time.

    Args:
        drawing: An empty drawing.
        lanes: What to draw.
        moments: What happened; a line through all lanes each, its words above them.
        span: The axis, in seconds since the failover began.
        tallest: For each lane the count that is as high as the lane.
    """
    across = Scale(*span, LEFT, WIDTH - RIGHT)
    top = ROW * len(moments) + 8
    bottom = top + len(lanes) * (LANE + LANE_GAP)
    drawing.width, drawing.height = WIDTH, bottom + 2 * ROW + 4
    draw_time(drawing, across, top, bottom, ABOUT_SO_MANY_TICKS)
    middle = (across.left + across.right) / 2
    drawing.texts.append(Text(middle, bottom + 2 * ROW, X_AXIS, "scale", "middle"))
    for number, (lane, most) in enumerate(zip(lanes, tallest, strict=True)):
        y = top + number * (LANE + LANE_GAP) + LANE_GAP
        # An instance's name may be long, and has no space in it.
        names = textwrap.wrap(lane.name, int(LEFT / CHARACTER) - 3)
        middle = y + LANE / 2 + 5 - 7 * len(names)
        for line, words in enumerate(names):
            drawing.texts.append(Text(0, middle + 14 * line, words, "name"))
        drawing.texts.append(Text(0, middle + 14 * len(names) + 1, lane.total, "label"))
        first, *more = lane.unit
        for line, words in enumerate((f"{most:,} {first}", *more)):
            drawing.texts.append(Text(across.right + 5, y + 9 + 13 * line, words, "scale"))
        drawing.texts.append(Text(across.right + 5, y + LANE, "0", "scale"))
        draw_bars(drawing, lane, y, across, most)
    for number, one in enumerate(moments):
        x, y = across(one.at), ROW * (number + 1) - 4
        drawing.lines.append(Line(x, y - 10, x, bottom, f"moment {one.kind.value}"))
        drawing.texts.append(_beside(x, y, f"{moment(one.at)}: {one.what}"))
    return drawing


def _beside(x: float, y: float, words: str) -> Text:
    """Return `words` beside a line at `x`: to its right, where no line of a later moment is.

    Else to its left, where that has room, or else where there is some.
    """
    width = len(words) * CHARACTER
    if x + 5 + width <= WIDTH:
        return Text(x + 5, y, words, "label")
    if x - 5 - width >= 0:
        return Text(x - 5, y, words, "label", "end")
    return Text(max(0, WIDTH - width), y, words, "label")


def draw_time(drawing: Drawing, across: Scale, top: float, bottom: float, about: int) -> None:
    """Draw the grid of the axis of time from `top` to `bottom`, and its numbers below."""
    for second in ticks(across.low, across.high, about):
        x = across(second)
        drawing.lines.append(Line(x, top, x, bottom, "grid"))
        drawing.texts.append(Text(x, bottom + ROW - 2, f"{second:g}", "scale", "middle"))


def draw_bars(drawing: Drawing, lane: Lane, y: float, across: Scale, most: int) -> None:
    """Draw the bars of `lane`, `LANE` high from `y` on, where `most` fills the lane."""
    base = y + LANE
    drawing.lines.append(Line(across.left, y, across.right, y, "grid"))
    drawing.lines.append(Line(across.left, base, across.right, base, "axis"))
    for step in lane.steps:
        start, end = max(step.start, across.low), min(step.end, across.high)
        if step.count and end > start:
            height = max(SMALLEST, LANE * step.count / most)
            # Rounded edges, so that neighbours meet.
            left, right = round(across(start), 1), round(across(end), 1)
            drawing.rectangles.append(
                Rectangle(left, base - height, right - left, height, lane.kind.value)
            )


def draw_waterfall(drawing: Drawing, spans: Sequence[SpanBar]) -> Drawing:
    """Draw `spans` into `drawing`: a row each, its bar from its start to its end."""
    across = waterfall_scale(spans, NAME_WIDTH, WIDTH - 90)
    bottom = len(spans) * 2 * ROW + 6
    drawing.width, drawing.height = WIDTH, bottom + 2 * ROW + 4
    draw_milliseconds(drawing, across, bottom, ABOUT_SO_MANY_TICKS)
    words = f"milliseconds since the first of them began, {moment(across.low)} after the failover"
    drawing.texts.append(Text(NAME_WIDTH, bottom + 2 * ROW, f"{words} did", "scale"))
    for number, span in enumerate(spans):
        y = number * 2 * ROW + 6
        x = span.depth * INDENT
        drawing.texts.append(Text(x, y + 12, span.name, "name"))
        drawing.texts.append(Text(x, y + 27, span.remark, "label"))
        end = draw_span(drawing, span, y + 2, across)
        drawing.texts.append(Text(end + 6, y + 14, duration(span.end - span.start), "label"))
    return drawing


def waterfall_scale(spans: Sequence[SpanBar], left: float, right: float) -> Scale:
    """Return the axis on which all of `spans` have room between `left` and `right`."""
    low, high = min(span.start for span in spans), max(span.end for span in spans)
    return Scale(low, max(high, low + 0.001), left, right)


def draw_milliseconds(drawing: Drawing, across: Scale, bottom: float, about: int) -> None:
    """Draw the grid of milliseconds since the axis began, and its numbers below `bottom`."""
    for offset in ticks(0, (across.high - across.low) * 1000, about):
        x = across(across.low + offset / 1000)
        drawing.lines.append(Line(x, 0, x, bottom, "grid"))
        drawing.texts.append(Text(x, bottom + ROW - 2, f"{offset:g}", "scale", "middle"))


def draw_span(drawing: Drawing, span: SpanBar, y: float, across: Scale) -> float:
    """Draw the bar of `span` from `y` on; return where it ends."""
    start = across(span.start)
    width = max(SMALLEST, across(span.end) - start)
    drawing.rectangles.append(Rectangle(start, y, width, BAR, "span"))
    return start + width
