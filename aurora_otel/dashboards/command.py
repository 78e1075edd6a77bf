"""`aurora-otel dashboards`: writes dashboards, rules, provisioning and runbooks to a directory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from aurora_otel.dashboards.files import RUNBOOKS, write

if TYPE_CHECKING:
    import argparse

COULD_NOT_WRITE = 2


def run(args: argparse.Namespace) -> int:
    """Write everything; the exit status is 2 when that was not possible."""
    try:
        written = write(args.directory, args.runbooks or RUNBOOKS)
    except OSError as error:
        sys.stderr.write(f"aurora-otel dashboards: {error}\n")
        return COULD_NOT_WRITE
    sys.stdout.writelines(f"{file}\n" for file in written)
    return 0
