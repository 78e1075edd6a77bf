"""`aurora-otel demo`: both runs, one after the other, and what came of them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from aurora_otel.demo.application import ApplicationError
from aurora_otel.demo.arguments import DRIVERS, chosen_driver, chosen_failover
from aurora_otel.demo.files import check_writable
from aurora_otel.demo.live import watching
from aurora_otel.demo.picture import picture
from aurora_otel.demo.recording import Recording, Timeline
from aurora_otel.demo.report import of_demo, page
from aurora_otel.demo.result import DISTRIBUTIONS, Result, installed_versions
from aurora_otel.demo.run import Plan, record
from aurora_otel.demo.stories import TITLES, restarts_as_reader
from aurora_otel.demo.view import show
from aurora_otel.lab import Failover, LabError

if TYPE_CHECKING:
    import argparse

BROKEN_PROMISE = 1
COULD_NOT_RUN = 2
STANDARD_OUTPUT = "-"
AFTER_DNS = 3.0
"""Seconds that a run goes on after DNS has followed."""
SERVICE_LAG = 2.0
"""Seconds for which a service leads to the old writer, which has restarted as a reader."""
LINE_WIDTH = 140
"""Characters a line where no terminal says how many there are."""


def run(args: argparse.Namespace) -> int:
    """Run the demo; the exit status is 1 when a promise did not hold, 2 when it could not run."""
    wanted = [
        (file, written)
        for file, written in (
            (args.json, _as_json),
            (args.picture, picture),
            (args.report, _as_page),
        )
        if file is not None
    ]
    try:
        driver = chosen_driver(args.engine, args.driver, args.pool)
        failover = chosen_failover(args.kind, args.failover)
    except ValueError as error:
        print(f"aurora-otel demo: {error}", file=sys.stderr)  # noqa: T201 - for a person
        return COULD_NOT_RUN
    console = Console(stderr=any(file == STANDARD_OUTPUT for file, _ in wanted))
    if not console.is_terminal:
        console.width = LINE_WIDTH
    try:
        for file, _ in wanted:
            if file != STANDARD_OUTPUT:
                check_writable(Path(file))
        result = carry_out(driver, failover, console, args.pool, args.dns_lag, kind=args.kind)
    except (ApplicationError, LabError, OSError) as error:
        console.print(f"aurora-otel demo: {error}", style="red", markup=False, highlight=False)
        return COULD_NOT_RUN
    show(result, console)
    for file, written in wanted:
        _write(file, written(result))
    return 0 if result.kept else BROKEN_PROMISE


def _as_json(result: Result) -> str:
    return json.dumps(result.as_json(), indent=2) + "\n"


def _as_page(result: Result) -> str:
    return page(of_demo(result))


def _write(file: str, text: str) -> None:
    if file == STANDARD_OUTPUT:
        sys.stdout.write(text)
    else:
        Path(file).write_text(text, encoding="utf-8")


def carry_out(  # noqa: PLR0913 - what there is to choose
    driver: str,
    failover: Failover,
    console: Console,
    pool: str = "none",
    dns_lag: float = 0,
    *,
    kind: str = "aurora",
) -> Result:
    """Make all runs of `failover`, showing each on `console` while it goes on."""
    to_run = plans(driver, failover, pool, dns_lag, kind=kind)
    recordings: dict[str, Recording] = {}
    for number, plan in enumerate(to_run, start=1):
        timeline = Timeline(plan.name)
        with watching(timeline, f"{number}/{len(to_run)} {TITLES[plan.name]}", console):
            recordings[plan.name] = record(plan, timeline)
    return Result(
        engine=DRIVERS[driver].engine,
        kind=kind,
        driver=driver,
        pool=pool,
        failover=failover,
        dns_lag=dns_lag,
        without=recordings["without"],
        with_agent=recordings["with"],
        every_thread_hung=recordings.get("with_every_thread_hung"),
        versions=installed_versions((*DISTRIBUTIONS, *DRIVERS[driver].distributions)),
    )


def plans(
    driver: str,
    failover: Failover,
    pool: str = "none",
    dns_lag: float = 0,
    *,
    kind: str = "aurora",
) -> list[Plan]:
    """Return the runs that show `failover`, in their order."""
    restarts = restarts_as_reader(kind, DRIVERS[driver].engine, failover)
    without = Plan(
        "without",
        DRIVERS[driver].engine,
        failover,
        driver=driver,
        instrumented=False,
        pool=pool,
        after=max(Plan.after, dns_lag + AFTER_DNS),
        dns_lag=dns_lag,
        kind=kind,
        service_lag=SERVICE_LAG if restarts else 0.0,
    )
    with_agent = replace(without, name="with", instrumented=True)
    if failover is not Failover.HANG:
        return [without, with_agent]
    every_thread_hung = replace(
        with_agent,
        name="with_every_thread_hung",
        settings={"AURORA_OTEL_STUCK_AFTER": "2"},
        fresh_every=0,
        idle_after=None,
    )
    return [without, with_agent, every_thread_hung]
