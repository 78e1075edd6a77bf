"""The arguments of `aurora-otel docs`."""

from __future__ import annotations

import argparse

from aurora_otel.docs.files import documents


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `aurora-otel docs`."""
    parser.add_argument(
        "name",
        nargs="?",
        choices=list(documents()),
        metavar="NAME",
        help="the document to print; without one, the list of all",
    )
