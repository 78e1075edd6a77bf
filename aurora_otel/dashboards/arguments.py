"""The arguments of `aurora-otel dashboards`."""

from __future__ import annotations

import argparse
from pathlib import Path

from aurora_otel.dashboards.files import RUNBOOKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `aurora-otel dashboards`."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="where to; made if need be")
    parser.add_argument(
        "--runbooks",
        default=RUNBOOKS,
        metavar="URL",
        help="where the alerts find the page of runbooks (default: %(default)s)",
    )
