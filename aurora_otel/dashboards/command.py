"""`aurora-otel dashboards`: writes dashboards, rules, provisioning and runbooks to a directory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aurora_otel.dashboards.files import RUNBOOKS, write

COULD_NOT_WRITE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `aurora-otel dashboards`."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="where to; made if need be")
    parser.add_argument(
        "--runbooks",
        default=RUNBOOKS,
        metavar="URL",
        help="where the alerts find the page of runbooks (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Write everything; the exit status is 2 when that was not possible."""
    try:
        written = write(args.directory, args.runbooks)
    except OSError as error:
        sys.stderr.write(f"aurora-otel dashboards: {error}\n")
        return COULD_NOT_WRITE
    sys.stdout.writelines(f"{file}\n" for file in written)
    return 0
