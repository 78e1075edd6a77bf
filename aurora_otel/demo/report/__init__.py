"""A failover as one self-contained page, for the ticket of a game day.

    Path("report.html").write_text(page(of_demo(result)), encoding="utf-8")

`page` takes a `Report` of any origin. The graphics are plain SVG, written by a template: the
charting libraries considered (pygal, matplotlib, Altair, plotly) fix their colours, need a script,
or know neither rows on one time axis nor waterfalls.
"""

from aurora_otel.demo.report.model import (
    Fact,
    Failures,
    Figure,
    Kind,
    Lane,
    Moment,
    MomentKind,
    Report,
    Run,
    SpanBar,
    Step,
)
from aurora_otel.demo.report.of_demo import of_demo
from aurora_otel.demo.report.page import page

__all__ = [
    "Fact",
    "Failures",
    "Figure",
    "Kind",
    "Lane",
    "Moment",
    "MomentKind",
    "Report",
    "Run",
    "SpanBar",
    "Step",
    "of_demo",
    "page",
]
