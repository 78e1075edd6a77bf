"""Do targets mean the same on slower machines? `make bench SLOWER=1`.

Exits 1 when a target that is a ratio is missed. Without arguments, it writes its part of
`docs/performance.md`; with names of questions, it asks these alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
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
# Not judged: what shows that the machine was slower.
_YARDSTICKS = frozenset(
    {
        *(f"calls: SELECT 1 itself, {name}" for name in ("psycopg", "psycopg2")),
        "startup: import aurora_otel and instrument()",
    }
)

AS_IT_IS, ONE, HALF = "as it is", "one processor", "half the speed"
WAYS = (AS_IT_IS, ONE, HALF)

# By its name, a figure in each way.
Figures = Mapping[str, Mapping[str, Figure]]

_NOTES = f"""\
Written by `make bench SLOWER=1`: the short form of each question whose targets are ratios, on this
machine *{AS_IT_IS}*; with all processes kept on *{ONE}*; and at *{HALF}*, where all of them are
stopped for half of each millisecond. Whatever is measured by the clock takes twice as long then;
what is measured by the processor's time pays for colder caches. Each figure is judged by its
target, without the margin of a short run.
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
    return 0 if all(_is_met(each) for each in figures.values()) else 1


def by_name(measured: Mapping[str, Mapping[str, Figure]]) -> dict[str, dict[str, Figure]]:
    """Return the ratios and the yardsticks by their names, each in every way."""
    first = next(iter(measured.values()))
    shown = [name for name, figure in first.items() if _is_ratio(figure) or name in _YARDSTICKS]
    return {name: {way: found[name] for way, found in measured.items()} for name in shown}


def markdown(figures: Figures) -> str:
    """Return the table."""
    head = ("what", "target", *WAYS, "verdict")
    rows = [
        (
            name,
            table.target(ways[AS_IT_IS]),
            *(table.measured(each) for each in ways.values()),
            _verdict(ways).value,
        )
        for name, ways in figures.items()
    ]
    lines = [head, ("---", *["--:"] * (len(head) - 2), "---"), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_ratio(figure: Figure) -> bool:
    return figure.limit is not None and figure.unit == "times"


def _verdict(ways: Mapping[str, Figure]) -> Verdict:
    verdicts = [figure.verdict() for figure in ways.values()]
    return Verdict.MISSED if Verdict.MISSED in verdicts else verdicts[0]


def _is_met(ways: Mapping[str, Figure]) -> bool:
    return _verdict(ways) is not Verdict.MISSED


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
