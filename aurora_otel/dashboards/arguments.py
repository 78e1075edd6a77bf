"""The arguments of `aurora-otel dashboards`."""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlsplit

from aurora_otel.dashboards.files import RUNBOOKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `aurora-otel dashboards`."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="it is created if needed")
    parser.add_argument(
        "--runbooks",
        type=_url,
        metavar="URL",
        help=f"where the alerts find the page of runbooks (default: {RUNBOOKS}, which is written to"
        " DIR: publish it, and give its address)",
    )


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address or not text.isprintable() or " " in text or parts.fragment:
        raise argparse.ArgumentTypeError("must be an http or https URL without a fragment")
    return text
