"""The end of a demo as a picture: what a terminal shows, as SVG, for a README."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from aurora_otel.demo.view import show

if TYPE_CHECKING:
    from aurora_otel.demo.result import Result

WIDTH = 114
"""Characters a line."""

# rich's own fonts come from another host: a picture must need no other host, and monospace will do.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def picture(result: Result) -> str:
    """Return both runs side by side, the failover's spans and the promises as SVG."""
    console = Console(file=StringIO(), record=True, width=WIDTH, force_terminal=True)
    show(result, console, metrics=False)
    title = f"aurora-otel demo --failover {result.failover.value}"
    return console.export_svg(title=title, code_format=FORMAT, unique_id="demo")
