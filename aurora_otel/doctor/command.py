"""`aurora-otel doctor`: whether the agent will work here, and what to do if not."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from aurora_otel.doctor.examination import examine
from aurora_otel.doctor.findings import Finding, Level, worst
from aurora_otel.doctor.printout import Text, document
from aurora_otel.doctor.target import Target, TargetError, of_dsn, of_host

if TYPE_CHECKING:
    import argparse

FAILED = 1
BAD_USAGE = 2


def run(args: argparse.Namespace) -> int:
    """Examine; the exit status is 1 when something fails, 2 when the arguments make no sense."""
    try:
        target = _target(args)
    except TargetError as error:
        print(f"aurora-otel doctor: {error}", file=sys.stderr)  # noqa: T201 - for a person
        return BAD_USAGE
    # What the agent would log of its settings is among the findings, in its place.
    logging.getLogger("aurora_otel").addHandler(logging.NullHandler())
    logging.getLogger("aurora_otel").propagate = False
    found: list[tuple[str, Finding]] = []
    text = Text(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    for section, finding in examine(target, os.environ):
        found.append((section, finding))
        if not args.json:
            _print(*text.lines(section, finding))
    findings = [finding for _, finding in found]
    _print(document(found)) if args.json else _print(*text.summary(findings))
    return FAILED if worst(each.level for each in findings) is Level.FAILURE else 0


def _target(args: argparse.Namespace) -> Target | None:
    if args.dsn is not None:
        return of_dsn(args.dsn, os.environ)
    return None if args.host is None else of_host(args.host)


def _print(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)  # noqa: T201 - for a person or a machine
