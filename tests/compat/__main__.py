"""The command: `python -m tests.compat [suite …]`, or `make compat`."""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import signal
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from rich.console import Console

from aurora_otel.lab.errors import LabError
from tests.compat import report, runs, servers
from tests.compat.comparison import Comparison, Pair
from tests.compat.runs import Run, Stage
from tests.compat.servers import Place
from tests.compat.suites import SUITES, Suite

# How often, at most, tests that ended differently are run again: they may be those that waver.
_AGAIN = 30
# Of the table in a file, in characters.
_WIDTH = 132
_console = Console(stderr=True, highlight=False)


def main() -> int:
    """Run the suites; return 1 if one of them shows a difference that is not explained."""
    arguments = _arguments()
    # As Ctrl-C does: end the suites that are running, and the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = [suite for suite in SUITES if not arguments.suites or suite.name in arguments.suites]
    with contextlib.ExitStack() as stack:
        places = _prepared(stack, chosen)
        comparisons = _compare_all(chosen, places)
    products = [f"Python {platform.python_version()}", *(each.version for each in places.values())]
    result = report.Report(" ".join(["make compat", *arguments.suites]), products, comparisons)
    result.show(Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH))
    if arguments.json:
        arguments.json.write_text(json.dumps(result.plain(), indent=2) + "\n")
    if arguments.summary:
        result.write(arguments.summary)
    return 0 if all(each.is_harmless for each in comparisons) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make compat", description=__doc__)
    names = [suite.name for suite in SUITES]
    parser.add_argument("suites", nargs="*", metavar="suite", help=", ".join(names))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that is known there")
    parser.add_argument("--summary", type=Path, help="write a summary into this document")
    arguments = parser.parse_args()
    if unknown := set(arguments.suites) - set(names):
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return arguments


def _prepared(stack: contextlib.ExitStack, suites: list[Suite]) -> dict[str, Place]:
    """Start the servers and fetch the suites: what is missing shows before the long part begins."""
    try:
        places = {
            engine: stack.enter_context(servers.prepared(engine))
            for engine in dict.fromkeys(suite.engine for suite in suites)
        }
    except LabError as error:
        raise SystemExit(str(error)) from None
    for suite in suites:
        suite.source()
    return places


def _compare_all(suites: list[Suite], places: Mapping[str, Place]) -> list[Comparison]:
    """Compare one suite after the other on each server, the servers side by side."""

    def lane(engine: str) -> dict[str, Comparison]:
        own = [suite for suite in suites if suite.engine == engine]
        return {suite.name: _compare(suite, places[engine]) for suite in own}

    found: dict[str, Comparison] = {}
    with ThreadPoolExecutor(len(places)) as lanes:
        try:
            for ended in as_completed([lanes.submit(lane, engine) for engine in places]):
                found.update(ended.result())
        except BaseException:
            runs.stop()
            raise
    return [found[suite.name] for suite in suites]


def _compare(suite: Suite, place: Place) -> Comparison:
    """Run a suite without us and with us, and again and again what ended differently."""
    stage = Stage.of(suite, place)
    without, with_us = _both(stage)
    pair = Pair(without.outcomes, with_us.outcomes)
    compared = Comparison(*suite.versions, pair, with_us.agent, suite.reasons)
    unsteady = [each.test for each in compared.unexplained]
    while compared.unexplained and len(compared.again) < _AGAIN:
        compared.again.append(Pair(*(each.outcomes for each in _both(stage, unsteady))))
    return compared


def _both(stage: Stage, only: Collection[str] = ()) -> list[Run]:
    return [_run(stage, only, with_us=with_us) for with_us in (False, True)]


def _run(stage: Stage, only: Collection[str], *, with_us: bool) -> Run:
    what = f"{stage.suite.name}, {'with' if with_us else 'without'} us"
    if only:
        what += f", again the {len(only)} that ended differently"
    began = time.monotonic()
    run = stage.run(only, with_us=with_us)
    counted = Counter(outcome.partition(":")[0] for outcome in run.outcomes.values())
    counts = ", ".join(f"{times:,} {outcome}" for outcome, times in counted.most_common())
    took = time.monotonic() - began
    _say(f"{what}: {counts or 'no test'} in {took:.0f} s")
    return run


def _say(line: str) -> None:
    _console.print(line, soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
