"""`aurora-otel drill`: fail a real cluster over, and see what it does to an application."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from aurora_otel.demo.application import ApplicationError
from aurora_otel.demo.files import check_writable
from aurora_otel.demo.live import watching
from aurora_otel.demo.recording import Timeline
from aurora_otel.demo.report import page
from aurora_otel.demo.report.words import duration
from aurora_otel.demo.view import promise_line, rows, show_telemetry
from aurora_otel.doctor.target import Target, TargetError, of_dsn
from aurora_otel.drill.engines import default_dsn
from aurora_otel.drill.errors import NoFailoverError, RefusedError
from aurora_otel.drill.intent import Intent, intend
from aurora_otel.drill.outcome import Outcome
from aurora_otel.drill.place import Place
from aurora_otel.drill.rehearsal import IDLE, WRITE_EVERY, WRITERS, Course, rehearse
from aurora_otel.settings import Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

FAILED = 1
REFUSED = 2
LINE_WIDTH = 140


def run(args: argparse.Namespace) -> int:
    """Drill, and return the exit status.

    It is 1 when there was no failover or a promise did not hold, 2 when none was asked for.
    """
    console = Console(stderr=args.json)
    if not console.is_terminal:
        console.width = LINE_WIDTH
    logging.getLogger("aurora_otel").addHandler(logging.NullHandler())
    try:
        if args.report is not None:
            check_writable(Path(args.report))
        outcome = _drill(args, console)
    except NoFailoverError as error:
        _say(console, str(error))
        if args.json:
            _print_json({"cluster": args.cluster, "took_place": False, "error": str(error)})
        return FAILED
    except (RefusedError, TargetError, ApplicationError, OSError) as error:
        _say(console, str(error))
        return REFUSED
    _show(outcome, console)
    if args.report is not None:
        Path(args.report).write_text(page(outcome.as_report()), encoding="utf-8")
        console.print(f"The report is in {args.report}", markup=False, highlight=False)
    if args.json:
        _print_json(outcome.as_json())
    return 0 if outcome.kept else FAILED


def _drill(args: argparse.Namespace, console: Console) -> Outcome:
    settings = Settings.resolve({})
    intent = intend(args.cluster, args.target, args.region)
    place = Place(_target(args.dsn, intent), intent.engine, settings)
    _check_endpoint(place, intent)
    _confirm(intent, place, console, asked=not args.yes)
    course = Course(args.before, args.timeout, args.after)
    timeline = Timeline("drill")
    try:
        with place, watching(timeline, f"drill on {args.cluster}", console):
            return Outcome(intent, rehearse(intent, place, settings, course, timeline))
    finally:
        if place.left_behind:
            _say(console, f"{place.name} is still there. Drop it: {place.statement};")


def _target(dsn: str | None, intent: Intent) -> Target:
    cluster, engine = intent.cluster, intent.engine
    dsn = dsn or default_dsn(engine, cluster.endpoint, cluster.port)
    target = of_dsn(dsn, os.environ)
    if target.system != engine.system:
        raise RefusedError(f"--dsn leads to {target.system}, and the cluster is {cluster.engine}.")
    return target


def _check_endpoint(place: Place, intent: Intent) -> None:
    """Refuse to fail over another cluster than the one that the workload writes to."""
    answer = place.visited.identity.answer
    landed = answer.instance if answer else None
    if landed != intent.writer:
        raise RefusedError(
            f"The workload's endpoint leads to {landed}, and the writer of cluster"
            f" {intent.cluster.identifier} is {intent.writer}: give its writer endpoint."
        )


def _confirm(intent: Intent, place: Place, console: Console, *, asked: bool) -> None:
    cluster = intent.cluster
    chosen = intent.target or f"one of {', '.join(intent.readers)}, as RDS chooses,"
    rate = WRITERS / WRITE_EVERY
    console.print(
        f"This fails over the cluster {cluster.identifier} in {cluster.region}"
        f" ({cluster.engine} {cluster.engine_version}; kind of cluster: {place.kind}):\n"
        f"  {intent.writer}, the writer, restarts as a reader; {chosen} becomes the writer.\n"
        "  Every application of this cluster loses its connections, and cannot write for a while.\n"
        f"  A workload opens {WRITERS + IDLE + 1} connections and writes about {rate:g} rows a"
        f" second into the {place.engine.place} {place.name}, which is dropped in the end.",
        markup=False,
        highlight=False,
    )
    if not asked:
        return
    if not sys.stdin.isatty():
        raise RefusedError("There is no terminal to confirm that on; --yes confirms it.")
    if console.input(f"Type {cluster.identifier} to go on: ").strip() != cluster.identifier:
        raise RefusedError("Not confirmed; nothing was done.")


def _show(outcome: Outcome, console: Console) -> None:
    agent = outcome.agent
    console.print()
    console.print(outcome.headline, style="bold", highlight=False)
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for label, value in rows(outcome.figures):
        table.add_row(label, value)
    table.add_row("detection, from the symptom to the verdict", _duration(agent.detection_seconds))
    table.add_row("cleanup, from the verdict on", _duration(agent.cleanup_seconds))
    console.print(table)
    show_telemetry(outcome.rehearsal.recording, "the workload", console, metrics=False)
    for promise in outcome.promises:
        console.print(promise_line(promise))


def _duration(value: float | None) -> str:
    return "not measured" if value is None else duration(value)


def _say(console: Console, text: str) -> None:
    console.print(f"aurora-otel drill: {text}", style="red", markup=False, highlight=False)


def _print_json(document: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
