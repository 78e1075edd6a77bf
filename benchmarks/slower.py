"""Do targets mean the same on slower machines? `make bench SLOWER=1`.

Exits 1 when a target that is a ratio is missed. Without arguments, it writes its part of
`docs/performance.md`; with names of questions, it asks these alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event

import psutil

from benchmarks import report, table
from benchmarks.apart import SPAWN
from benchmarks.bench import Bench
from benchmarks.figures import Figure, Verdict
from benchmarks.halving import halve
from benchmarks.questions import QUESTIONS

# Those whose targets are ratios to what was measured beside the figure.
_ASKED = ("calls", "connect", "checkout", "tracked", "threads", "scrape", "startup")
# Measured by the processor's time: the same work in each way.
_STARTUP = "startup: import aurora_otel and instrument()"
# Not judged: what shows that the machine was slower.
_YARDSTICKS = frozenset(
    {*(f"calls: SELECT 1 itself, {name}" for name in ("psycopg", "psycopg2")), _STARTUP}
)
# What runs through so much code, beside a floor that is little, that it is found in no cache after
# a stop. A machine that is slower all the time has no such stops.
_LONG = "connect: "

AS_IT_IS, ONE, HALF = "as it is", "one processor", "half the speed"
WAYS = (AS_IT_IS, ONE, HALF)

# By its name, a figure in each way.
Figures = Mapping[str, Mapping[str, Figure]]

_NOTES = f"""\
Written by `make bench SLOWER=1`: the short form of each question whose targets are ratios, on this
machine *{AS_IT_IS}*; with all processes kept on *{ONE}*; and at *{HALF}*, where all of them are
stopped for half of each millisecond. Whatever is measured by the clock takes twice as long then;
what is measured by the processor's time pays for colder caches, because each stop leaves them to
others. Each figure is judged by its target, without the margin of a short run. At *{HALF}*, a
connect may take more by what colder caches cost the start-up there, which runs through as much
code: it does the same work in each way, and takes the processor that much longer.
"""


def main() -> int:
    """Measure in each way; print the table, and write it into the document."""
    names = tuple(sys.argv[1:]) or _ASKED
    measured = {way: _measured(way, names) for way in WAYS}
    figures = by_name(measured)
    text = markdown(figures)
    print(text)  # noqa: T201 - the command's output
    if names == _ASKED:
        report.write_slower(f"{_NOTES}\n{text}\n")
    return 1 if Verdict.MISSED in _verdicts(figures).values() else 0


def by_name(measured: Mapping[str, Mapping[str, Figure]]) -> dict[str, dict[str, Figure]]:
    """Return the ratios and the yardsticks by their names, each in every way."""
    first = next(iter(measured.values()))
    shown = [name for name, figure in first.items() if _is_ratio(figure) or name in _YARDSTICKS]
    return {name: {way: found[name] for way, found in measured.items()} for name in shown}


def markdown(figures: Figures) -> str:
    """Return the table."""
    verdicts = _verdicts(figures)
    head = ("what", "target", *WAYS, "verdict")
    rows = [
        (
            name,
            table.target(ways[AS_IT_IS]),
            *(table.measured(each) for each in ways.values()),
            verdicts[name].value,
        )
        for name, ways in figures.items()
    ]
    lines = [head, ("---", *["--:"] * (len(head) - 2), "---"), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_ratio(figure: Figure) -> bool:
    return figure.limit is not None and figure.unit == "times"


def _coldness(figures: Figures) -> float:
    """Return how many times as long the processor takes at half the speed for the same work."""
    ways = figures.get(_STARTUP)
    return max(1.0, ways[HALF].spread.middle / ways[AS_IT_IS].spread.middle) if ways else 1.0


def _verdicts(figures: Figures) -> dict[str, Verdict]:
    coldness = _coldness(figures)
    return {name: _verdict(name, ways, coldness) for name, ways in figures.items()}


def _verdict(name: str, ways: Mapping[str, Figure], coldness: float) -> Verdict:
    judged = dict(ways)
    half = judged[HALF]
    if name.startswith(_LONG) and half.limit is not None:
        judged[HALF] = replace(half, limit=half.limit * coldness)
    verdicts = [figure.verdict() for figure in judged.values()]
    return Verdict.MISSED if Verdict.MISSED in verdicts else verdicts[0]


def _measured(way: str, names: Sequence[str]) -> dict[str, Figure]:
    """Measure in a process of its own, which leads a group of processes."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_measure, args=(way, names, theirs))
    process.start()
    theirs.close()
    # It leads its group from here on.
    ours.recv()
    is_over = SPAWN.Event()
    slower = SPAWN.Process(target=_halve, args=(process.pid, is_over)) if way == HALF else None
    if slower is not None:
        slower.start()
    try:
        figures: dict[str, Figure] = ours.recv()
        return figures
    finally:
        # The lab ends at full speed: it has no more time for that than elsewhere.
        is_over.set()
        process.join()
        if slower is not None:
            slower.join()


def _halve(pid: int, is_over: Event) -> None:
    halve(psutil.Process(pid), is_over.is_set)


def _measure(way: str, names: Sequence[str], pipe: Pipe) -> None:
    os.setsid()
    if way == ONE:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    pipe.send(None)
    figures: dict[str, Figure] = {}
    with Bench(quick=True) as bench:
        for name in names:
            print(f"{way}: {name}", file=sys.stderr)  # noqa: T201 - progress
            answer = QUESTIONS[name].measure(bench)
            figures |= {f"{name}: {each.name}": each for each in answer.figures}
        pipe.send(figures)


if __name__ == "__main__":
    sys.exit(main())
