"""One plot a question, as SVG."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from benchmarks.figures import Answer, Bars, Lines

OURS, OTHERS, LIMIT = "#2a6fbb", "#b9c4d0", "#c0392b"
_IS_OURS = re.compile("(^|, )(ours|aurora_otel)")

# The same figures make the same file.
mpl.rcParams.update({"svg.hashsalt": "aurora-otel", "font.size": 9, "svg.fonttype": "none"})


def draw(answer: Answer, path: Path) -> None:
    """Write the plot of `answer`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plot = answer.plot
    canvas = _bars(plot) if isinstance(plot, Bars) else _lines(plot)
    canvas.savefig(path, format="svg", metadata={"Date": None})


def _bars(plot: Bars) -> Canvas:
    canvas = Canvas(figsize=(7, 0.8 + 0.28 * len(plot.spreads)), layout="constrained")
    axes = canvas.add_subplot()
    names = list(plot.spreads)[::-1]
    spreads = [plot.spreads[name] for name in names]
    middles = [spread.middle for spread in spreads]
    errors = [
        [max(0.0, s.middle - s.low) for s in spreads],
        [max(0.0, s.high - s.middle) for s in spreads],
    ]
    colours = [OURS if _IS_OURS.search(name) else OTHERS for name in names]
    axes.barh(names, middles, xerr=errors, color=colours, error_kw={"lw": 1, "capsize": 2})
    axes.set_xlabel(f"{plot.unit} (median and quartiles)")
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
    return canvas


def _lines(plot: Lines) -> Canvas:
    canvas = Canvas(figsize=(7, 3), layout="constrained")
    axes = canvas.add_subplot()
    for name, values in plot.series.items():
        axes.plot(plot.x, values, marker="o", label=name)
    if min(plot.x) > 0:
        axes.set_xscale("log")
    axes.set_xticks(plot.x, [f"{x:,.0f}" for x in plot.x], minor=False)
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel(plot.over)
    axes.set_ylabel(plot.unit)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return canvas
