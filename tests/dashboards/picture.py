"""A dashboard as a picture: its panels, each drawn from what its own queries return.

No Grafana runs here. What is shown is what Prometheus answers to the committed expressions, in the
places, units, thresholds, legends and mappings of the committed JSON; the drawing is plainer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import accumulate

from aurora_otel.demo.report.drawing import Scale, ticks
from tests.dashboards.committed import substitute

COLUMN, UNIT, GAP, PAD, LINE = 52, 30, 8, 10, 15
PALETTE = ("#3a76a8", "#c2571a", "#4d8b3f", "#8a4ba0", "#b8860b", "#2f8f8f", "#a33a5a", "#666f7a")
COLOURS = {"green": "#2e8540", "yellow": "#b8860b", "red": "#c0392b", "blue": "#3a76a8"}
# What rates are read over, and how far apart bars are: seconds. Prometheus scraped every second.
WINDOW, BAR = 8, 4
MOST_ENTRIES = 6
STYLE = """
svg { --page: #f4f5f7; --panel: #fff; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de;
  background: var(--page); font: 12px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) {
  svg { --page: #11151a; --panel: #1b2128; --text: #e6e9ec; --quiet: #a9b3bd; --line: #3a434d; }
}
text { fill: var(--text); } .quiet { fill: var(--quiet); } .title { font-weight: 600; }
.row { font-weight: 600; font-size: 14px; } .panel { fill: var(--panel); stroke: var(--line); }
.grid { stroke: var(--line); } .over { fill: #fff; font-weight: 600; }
rect { shape-rendering: crispEdges; }
"""


def picture(dashboard, prometheus, start, end) -> str:
    """Return the dashboard as SVG.

    Args:
        dashboard: its committed JSON.
        prometheus: answers its queries.
        start: of the shown time, in seconds since the epoch.
        end: of the shown time, which is also the moment of what is shown as of now.
    """
    return "".join(_Picture(dashboard, prometheus, start, end).parts())


class _Picture:
    def __init__(self, dashboard, prometheus, start, end):
        self._dashboard, self._prometheus = dashboard, prometheus
        self._start, self._end = start, end

    def parts(self) -> Iterator[str]:
        panels = self._dashboard["panels"]
        bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
        width, height = 24 * COLUMN + GAP, bottom * UNIT + 3 * UNIT // 2
        title = f"{self._dashboard['title']}: {self._dashboard['description']}"
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'role="img" aria-label="{escape(title)}"><style>{STYLE}</style>'
        )
        yield _text(PAD, 24, self._dashboard["title"], "row", size=20)
        for panel in panels:
            place = panel["gridPos"]
            x, y = place["x"] * COLUMN + GAP, place["y"] * UNIT + 3 * UNIT // 2
            yield f'<g transform="translate({x},{y})">'
            yield from self._panel(panel, place["w"] * COLUMN - GAP, place["h"] * UNIT - GAP)
            yield "</g>"
        yield "</svg>\n"

    def _panel(self, panel, width, height):
        if panel["type"] == "row":
            yield _text(2, 16, panel["title"], "row")
            return
        yield f'<rect class="panel" width="{width}" height="{height}" rx="3"/>'
        yield _text(PAD, 18, _cut(panel["title"], width - PAD), "title")
        draw = {
            "stat": self._stat,
            "timeseries": self._lines,
            "table": self._table,
            "state-timeline": self._states,
        }[panel["type"]]
        yield from draw(panel, width, height)

    # What a panel asks.

    def _now(self, target):
        span = f"{round(self._end - self._start)}s"
        return self._prometheus.query(substitute(target["expr"], span=span), self._end)

    def _over_time(self, target, step):
        # As Grafana has it: windows overlap by one scrape, so that no increase falls between them.
        window = f"{step + 1 if step > 1 else WINDOW}s"
        expr = substitute(target["expr"], interval=window, step=f"{step}s", span="60s")
        return self._prometheus.points(expr, self._start, self._end, step)

    # How each kind is drawn.

    def _stat(self, panel, width, height):
        (target,) = panel["targets"]
        found = self._now(target)
        defaults = panel["fieldConfig"]["defaults"]
        if panel["options"]["textMode"] == "name":
            shown = [_legend(target, labels) for labels, _ in found] or [defaults["noValue"]]
            colour = COLOURS["blue"]
        elif not found:
            shown, colour = [defaults["noValue"]], "var(--quiet)"
        else:
            value = found[0][1]
            text, colour = _mapped(defaults, value)
            shown = [text or _number(value, defaults)]
            colour = colour or _threshold(defaults, value)
        if panel["options"]["colorMode"] == "background":
            yield f'<rect x="1" y="26" width="{width - 2}" height="{height - 27}" fill="{colour}"/>'
            colour = "#fff"
        size = min(34, 1.7 * width / max(map(len, shown)))
        for number, text in enumerate(shown[:3]):
            y = height / 2 + 18 + number * size
            yield _text(width / 2, y, text, size=size, fill=colour, anchor="middle")

    def _lines(self, panel, width, height):
        defaults = panel["fieldConfig"]["defaults"]
        custom = defaults["custom"]
        bars = custom.get("drawStyle") == "bars"
        stacked = custom.get("stacking", {}).get("mode") == "normal"
        step = BAR if bars else 1
        series = [
            (_legend(target, labels), points)
            for target in panel["targets"]
            for labels, points in self._over_time(target, step)
        ]
        if not series:
            yield _text(width / 2, height / 2, defaults["noValue"], "quiet", anchor="middle")
            return
        series = sorted(series)
        times = sorted({at for _, points in series for at, _ in points})
        rows = [[points.get(at, 0.0) for at in times] for points in (dict(p) for _, p in series)]
        tops = [list(column) for column in zip(*map(tuple, rows), strict=True)]
        tops = [list(accumulate(column)) if stacked else column for column in tops]
        most = max(max(column) for column in tops) or 1.0
        entries = min(len(series), MOST_ENTRIES)
        across = Scale(self._start, self._end, 54, width - PAD)
        up = Scale(0, most * 1.05, height - 34 - LINE * entries, 32)
        yield from self._axes(across, up, defaults)
        for number, (name, points) in enumerate(series):
            colour = _colour(number)
            # A bar stands for what happened in the time before it was asked for.
            before = step if bars else 0
            if stacked:
                columns = zip([at - before for at in times], tops, strict=True)
                yield from _areas(columns, number, step, across, up)
            elif bars:
                share = step / len(series)
                beside = [(at - before + number * share, value) for at, value in points]
                columns = [(at, [0.0] * number + [value]) for at, value in beside]
                yield from _areas(columns, number, share, across, up)
            else:
                yield from _steps(sorted(points), across, up, colour)
            if number < entries:
                y = height - 8 - LINE * (entries - 1 - number)
                last, top = points[-1][1], max(value for _, value in points)
                rest = (
                    f" and {len(series) - entries} more"
                    if number == entries - 1 < len(series) - 1
                    else ""
                )
                figures = f"last {_number(last, defaults)}, max {_number(top, defaults)}"
                yield f'<rect x="{PAD}" y="{y - 8}" width="10" height="8" fill="{colour}"/>'
                yield _text(PAD + 15, y, _cut(f"{name}: {figures}{rest}", width - 30), "quiet")

    def _axes(self, across, up, defaults):
        for value in ticks(0, up.high, 4):
            y = up(value)
            yield f'<path class="grid" d="M{across.left},{y:.1f}H{across.right}"/>'
            label = _number(value, {**defaults, "decimals": None})
            yield _text(across.left - 5, y + 4, label, "quiet", anchor="end")
        for second in ticks(0, self._end - self._start, 5):
            x = across(self._start + second)
            yield _text(x, up.left + 14, f"{second:g} s", "quiet", anchor="middle")

    def _table(self, panel, width, height):
        organize = panel["transformations"][-1]["options"]
        names = organize["renameByName"]
        targets = panel["targets"]
        over_time = any(target.get("range") for target in targets)
        rows: dict[tuple, dict] = {}
        for target in targets:
            column = names.get(f"Value #{target['refId']}") or names["Value"]
            for at, labels, value in self._cells(target, over_time):
                key = (at, *sorted((k, v) for k, v in labels.items() if k in names))
                row = rows.setdefault(key, {names[k]: v for k, v in labels.items() if k in names})
                row[column] = _number(value, _of_column(panel, column))
                if over_time:
                    row["time"] = f"{at - self._start:.0f} s"
        columns = list(names.values())
        if not rows:
            empty = panel["fieldConfig"]["defaults"]["noValue"]
            yield _text(width / 2, height / 2, empty, "quiet", anchor="middle")
            return
        space = (width - 2 * PAD) / len(columns)
        for place, column in enumerate(columns):
            yield _text(PAD + place * space, 42, column, "title quiet")
        kept = sorted(rows.items(), key=lambda row: row[0], reverse=over_time)
        for number, (_, row) in enumerate(kept[: int((height - 50) / (LINE + 3))]):
            for place, column in enumerate(columns):
                text = _cut(row.get(column, ""), space)
                yield _text(PAD + place * space, 62 + number * (LINE + 3), text)

    def _cells(self, target, over_time):
        if not over_time:
            yield from ((0, labels, value) for labels, value in self._now(target))
            return
        for labels, points in self._over_time(target, BAR):
            yield from ((at, labels, value) for at, value in points)

    def _states(self, panel, width, height):
        (target,) = panel["targets"]
        defaults = panel["fieldConfig"]["defaults"]
        across = Scale(self._start, self._end, 150, width - PAD)
        for number, (labels, points) in enumerate(self._over_time(target, 1)):
            y = 34 + number * 40
            yield _text(PAD, y + 18, _cut(_legend(target, labels), 136))
            for first, last, value in _runs(points):
                text, colour = _mapped(defaults, value)
                x, right = across(first), across(min(last + 1, self._end))
                yield _rectangle(x, y, right - x, 28, colour)
                if right - x > 8 * len(text or ""):
                    yield _text((x + right) / 2, y + 18, text, "over", anchor="middle")
        for second in ticks(0, self._end - self._start, 5):
            yield _text(
                across(self._start + second), height - 8, f"{second:g} s", "quiet", anchor="middle"
            )


def _areas(columns, number, step, across, up):
    """Yield one series of a stack: a rectangle on what is below it, for each time."""
    for at, column in columns:
        bottom = column[number - 1] if number else 0.0
        if column[number] > bottom:
            # Rounded edges, so that neighbours meet.
            x, y = round(max(across(at), across.left), 1), up(column[number])
            right = round(min(across(at + step), across.right), 1)
            if right > x:
                yield _rectangle(x, y, right - x, up(bottom) - y, _colour(number))


def _steps(points, across, up, colour):
    path, before = [], None
    for at, value in points:
        x, y = across(at), up(value)
        path.append(
            f"M{x:.1f},{y:.1f}" if before is None or at - before > 1.5 else f"H{x:.1f}V{y:.1f}"
        )
        before = at
    yield f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="1.8"/>'


def _runs(points):
    """Yield each time for which a value stayed: its first and last second, and the value."""
    first = last = value = None
    for at, now in points:
        if now != value or at - last > 1.5:
            if value is not None:
                yield first, last, value
            first, value = at, now
        last = at
    if value is not None:
        yield first, last, value


def _mapped(defaults, value):
    for mapping in defaults.get("mappings") or ():
        options = mapping["options"]
        if mapping["type"] == "range" and options["from"] <= value <= options["to"]:
            return options["result"]["text"], COLOURS[options["result"]["color"]]
        if mapping["type"] == "value" and f"{value:g}" in options:
            found = options[f"{value:g}"]
            return found["text"], COLOURS[found["color"]]
    return None, None


def _threshold(defaults, value):
    colour = "blue"
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    return COLOURS[colour]


def _of_column(panel, column):
    found = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"].get("overrides") or ():
        if override["matcher"]["options"] == column:
            found |= {each["id"]: each["value"] for each in override["properties"]}
    return found


def _number(value, defaults):
    unit = defaults["unit"]
    if unit == "percentunit":
        return f"{100 * value:.0f} %"
    if unit == "s":
        return f"{value:.2g} s" if value >= 1 or value == 0 else f"{1000 * value:.3g} ms"
    if defaults.get("decimals") == 0:
        value = round(value)
    return f"{value:.3g}" + (" /s" if unit == "cps" else "")


def _legend(target, labels):
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), target["legendFormat"])


def _cut(text, width):
    most = max(3, int(width / 6.4))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _colour(number):
    return PALETTE[number % len(PALETTE)]


def _rectangle(x, y, width, height, colour):
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
    )


def _text(x, y, content, style="", *, size=None, fill=None, anchor="start"):  # noqa: PLR0913 - as SVG has them
    css = (f"font-size:{size:.0f}px;" if size else "") + (f"fill:{fill};" if fill else "")
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}"'
        + (f' style="{css}"' if css else "")
        + f">{escape(str(content))}</text>"
    )
