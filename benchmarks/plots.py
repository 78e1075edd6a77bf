"""One plot a question, as SVG, which is read on a light page and on a dark one."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from benchmarks.figures import Answer, Bars, Lines, Panels, Spread

if TYPE_CHECKING:
    from pathlib import Path

# What is drawn in a light colour gets the dark one where the reader's page is dark; each light
# colour has one role alone.
ROLES = {
    "page": ("#ffffff", "#11151a"),
    "text": ("#1b1f24", "#e6e9ec"),
    "line": ("#8c959f", "#6e7681"),
    "ours": ("#2a6fbb", "#6cb6ff"),
    "others": ("#b9c4d0", "#57606a"),
    "second": ("#c2571a", "#ff9a6b"),
    "third": ("#4d8b3f", "#7fc96f"),
    "fourth": ("#8a4ba0", "#d08fe6"),
    "fifth": ("#a68412", "#e3c04f"),
    "sixth": ("#1b8a8f", "#58c7cc"),
}
LIGHT = {role: light for role, (light, _) in ROLES.items()}
_SERIES = [LIGHT[role] for role in ("ours", "second", "third", "fourth", "fifth", "sixth")]
_MARKERS = "osD^vP"
_IS_OURS = re.compile(r"\b(ours|our|aurora[-_]otel)\b")
# An axis on which the largest is so many times the smallest is logarithmic.
_WIDE = 20
_TITLE, _LEGEND = 0.32, 0.26
"""Inches that they are high."""
# Names in one line of a legend.
_ABREAST = 4

# The same figures make the same file.
mpl.rcParams.update(
    {
        "svg.hashsalt": "aurora-otel",
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.titlesize": 9,
        "font.family": "sans-serif",
        "figure.facecolor": LIGHT["page"],
        "axes.facecolor": LIGHT["page"],
        "axes.edgecolor": LIGHT["line"],
        "axes.labelcolor": LIGHT["text"],
        "text.color": LIGHT["text"],
        "xtick.color": LIGHT["text"],
        "ytick.color": LIGHT["text"],
    }
)


def draw(title: str, answer: Answer, path: Path) -> None:
    """Write the plot of `answer` under its question's title."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plot = answer.plot
    if isinstance(plot, Bars):
        canvas = _bars(plot)
    else:
        canvas = _panels(plot.plots if isinstance(plot, Panels) else {"": plot})
    canvas.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    written = StringIO()
    canvas.savefig(written, format="svg", metadata={"Date": None})
    path.write_text(in_both_schemes(written.getvalue()), encoding="utf-8")


def in_both_schemes(svg: str) -> str:
    """Return `svg` with each colour of a role replaced by a variable that follows the scheme."""
    for role, (light, _) in ROLES.items():
        svg = svg.replace(light, f"var(--{role})")
    schemes = (
        " ".join(f"--{role}: {colours[number]};" for role, colours in ROLES.items())
        for number in (0, 1)
    )
    light, dark = (f"svg {{ {variables} }}" for variables in schemes)
    style = f"<style>{light} @media (prefers-color-scheme: dark) {{ {dark} }}</style>"
    return svg.replace("<defs>", f"{style}\n <defs>", 1)


def _bars(plot: Bars) -> Canvas:
    names = list(plot.spreads)[::-1]
    ours = [bool(_IS_OURS.search(name)) for name in names]
    compared = len(set(ours)) > 1
    height = 0.8 + 0.28 * len(names) + _TITLE + _LEGEND * compared
    canvas = Canvas(figsize=(7, height), layout="constrained")
    axes = canvas.add_subplot()
    spreads = [plot.spreads[name] for name in names]
    colours = [LIGHT["ours"] if one or not compared else LIGHT["others"] for one in ours]
    axes.barh(names, [spread.middle for spread in spreads], color=colours)
    if any(spread.low < spread.high for spread in spreads):
        _add_quartiles(axes, names, spreads)
        axes.set_xlabel(f"{plot.unit} (median and quartiles)")
    else:
        axes.set_xlabel(plot.unit)
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
    if compared:
        kinds = {"ours": "with aurora-otel", "others": "others"}
        handles = [Patch(color=LIGHT[role], label=label) for role, label in kinds.items()]
        canvas.legend(handles=handles, loc="outside lower right", ncols=2, frameon=False)
    return canvas


def _add_quartiles(axes: Any, names: list[str], spreads: list[Spread]) -> None:
    errors = [
        [max(0.0, s.middle - s.low) for s in spreads],
        [max(0.0, s.high - s.middle) for s in spreads],
    ]
    middles = [s.middle for s in spreads]
    axes.errorbar(middles, names, xerr=errors, fmt="none", lw=1, capsize=2, ecolor=LIGHT["text"])


def _panels(plots: dict[str, Lines]) -> Canvas:
    columns = min(2, len(plots))
    rows = -(-len(plots) // columns)
    names = list(dict.fromkeys(name for plot in plots.values() for name in plot.series))
    legend = _LEGEND * -(-len(names) // _ABREAST)
    canvas = Canvas(figsize=(7, 3 * rows + _TITLE + legend), layout="constrained")
    # A name has one colour in all panels.
    styles = dict(zip(names, zip(_SERIES, _MARKERS, strict=True), strict=False))
    handles: dict[str, Any] = {}
    for number, (title, plot) in enumerate(plots.items(), 1):
        handles |= _lines(canvas.add_subplot(rows, columns, number, title=title), plot, styles)
    if len(names) > 1:
        ncols = min(len(names), _ABREAST)
        canvas.legend(
            handles=handles.values(), loc="outside lower center", ncols=ncols, frameon=False
        )
    return canvas


def _lines(axes: Any, plot: Lines, styles: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Draw the series, and return the line of each by its name."""
    drawn = {}
    for name, values in plot.series.items():
        colour, marker = styles[name]
        (drawn[name],) = axes.plot(
            plot.x, values, color=colour, marker=marker, markersize=4, label=name
        )
    if min(plot.x) > 0 and max(plot.x) / min(plot.x) >= _WIDE:
        axes.set_xscale("log")
    if plot.is_steep:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xticks(plot.x, [_short(x) for x in plot.x])
    axes.minorticks_off()
    axes.set_xlabel(plot.over)
    axes.set_ylabel(plot.unit)
    axes.spines[["top", "right"]].set_visible(False)
    return drawn


def _short(number: float) -> str:
    return f"{number:,.0f}" if number < 10_000 else f"{number / 1000:,.0f}k"  # noqa: PLR2004 - too wide
