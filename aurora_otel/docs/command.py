"""`aurora-otel docs`: lists the documents, or prints one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from aurora_otel.docs.files import documents, title

if TYPE_CHECKING:
    import argparse


def run(args: argparse.Namespace) -> int:
    """Print; the exit status is 0."""
    found = documents()
    if args.name is not None:
        sys.stdout.write(found[args.name].read_text(encoding="utf-8"))
        return 0
    width = max(map(len, found))
    sys.stdout.writelines(f"{name:{width}}  {title(file)}\n" for name, file in found.items())
    return 0
