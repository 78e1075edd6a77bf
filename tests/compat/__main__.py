"""The command: `python -m tests.compat [suite …] [--json FILE]`, or `make compat`."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.compat import servers
from tests.compat.comparison import Comparison
from tests.compat.runs import run
from tests.compat.sources import PLACE
from tests.compat.suites import SUITES, Suite

# How often a test that ended differently is run again without us: it may be the one that wavers.
_AGAIN = 5


def main() -> int:
    """Run the suites; return 1 if one of them shows a difference that is not explained."""
    arguments = _arguments()
    chosen = [suite for suite in SUITES if not arguments.suites or suite.name in arguments.suites]
    console = Console(stderr=True)
    comparisons = []
    for engine in dict.fromkeys(suite.engine for suite in chosen):
        comparisons += _compare(console, engine, [s for s in chosen if s.engine == engine])
    _show(Console(), comparisons)
    if arguments.json:
        arguments.json.write_text(json.dumps([_plain(each) for each in comparisons], indent=2))
    return 0 if all(each.is_harmless for each in comparisons) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make compat", description=__doc__)
    names = [suite.name for suite in SUITES]
    parser.add_argument("suites", nargs="*", metavar="suite", help=", ".join(names))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    arguments = parser.parse_args()
    if unknown := set(arguments.suites) - set(names):
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return arguments


def _compare(console: Console, engine: str, suites: list[Suite]) -> Iterable[Comparison]:
    with servers.prepared(engine) as place:
        for suite in suites:
            began = time.monotonic()
            yield _one(suite, place)
            console.print(f"{suite.name}: {time.monotonic() - began:.0f} s")


def _one(suite: Suite, place: servers.Place) -> Comparison:
    directory = PLACE / "runs" / suite.name
    shutil.rmtree(directory, ignore_errors=True)
    suite.unpack(directory)
    settings = {**place.environment, **suite.settings(place)}
    without = run(suite, directory, settings, with_us=False)
    with_us = run(suite, directory, settings, with_us=True)
    compared = Comparison(
        suite.name,
        without.outcomes,
        with_us.outcomes,
        dict(suite.explained),
        with_us.tracked,
        with_us.failures,
    )
    if unexplained := [each.test for each in compared.differences if not each.reason]:
        again = [
            run(suite, directory, settings, with_us=False, only=unexplained) for _ in range(_AGAIN)
        ]
        compared.explain_unsteady([without.outcomes, *(each.outcomes for each in again)])
    return compared


def _show(console: Console, comparisons: list[Comparison]) -> None:
    table = Table("suite", "tests", "passed without", "passed with", "differences", "tracked")
    for each in comparisons:
        numbers = (
            len(each.without),
            each.passed(each.without),
            each.passed(each.with_us),
            len(each.differences),
            each.tracked,
        )
        table.add_row(each.suite, *map(str, numbers))
    console.print(table)
    for each in comparisons:
        for difference in each.differences:
            reason = difference.reason or "NOT EXPLAINED"
            change = f"{difference.without} without us, {difference.with_us} with us"
            console.print(f"{each.suite}: {difference.test}: {change}: {reason}", soft_wrap=True)
        for doing, times in each.failures.items():
            console.print(f"{each.suite}: the agent failed {times} times: {doing}")
        for test in each.failing_without:
            console.print(f"{each.suite}: {test}: fails without us", soft_wrap=True)


def _plain(comparison: Comparison) -> dict[str, object]:
    return {
        "suite": comparison.suite,
        "tests": len(comparison.without),
        "passed_without": comparison.passed(comparison.without),
        "passed_with": comparison.passed(comparison.with_us),
        "tracked": comparison.tracked,
        "failures": dict(comparison.failures),
        "differences": [each._asdict() for each in comparison.differences],
        "failing_without": comparison.failing_without,
    }


if __name__ == "__main__":
    sys.exit(main())
