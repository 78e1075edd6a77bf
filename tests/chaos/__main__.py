"""The command: `python -m tests.chaos --seed N --events N`, or `make chaos`."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

from aurora_otel.lab import Cluster, LabError
from tests.chaos import report
from tests.chaos.application.bugs import BUGS
from tests.chaos.lab import ENGINES, KINDS, lab
from tests.chaos.plan import Event, kept, plan
from tests.chaos.run import Outcome, Run, Violation
from tests.chaos.shortest import shortest

# In which a shorter history is searched for, if time allows.
_MOST_RUNS = 50


def main() -> int:
    """Run a plan; return 1 if an invariant did not hold."""
    arguments = _arguments()
    events = plan(arguments.seed, arguments.events)
    if arguments.keep:
        events = kept(events, arguments.keep)
    command = _command(arguments)
    with lab(arguments.engine, arguments.kind) as cluster:
        try:
            outcome = Run(cluster, events, arguments.bug, loops=arguments.loops).outcome()
        except LabError:
            _say(f"seed {arguments.seed}: the lab broke down, which says nothing of us: {command}")
            raise
        _say(report.brief(arguments.seed, outcome))
        if outcome.violation:
            _say(report.failure(command, outcome.violation))
            _cut(cluster, outcome, outcome.violation, arguments)
            return 1
    if arguments.summary:
        report.write(arguments.summary, command, outcome)
    return 0


def _cut(
    cluster: Cluster, outcome: Outcome, violation: Violation, arguments: argparse.Namespace
) -> None:
    """Search for the shortest history that shows the same, and print it."""

    deadline = time.monotonic() + arguments.cut

    def shows(part: tuple[Event, ...]) -> bool:
        again = Run(cluster, part, arguments.bug, loops=arguments.loops).outcome().violation
        return again is not None and again.promise == violation.promise

    happened = outcome.events[: violation.events]
    best = shortest(happened, lambda part: time.monotonic() < deadline and shows(part), _MOST_RUNS)
    # Threads take turns as they like.
    times = sum(shows(best) for _ in range(arguments.repeat))
    arguments.keep = [event.number for event in best]
    _say(report.history(_command(arguments), best, times, arguments.repeat))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the plan")
    parser.add_argument("--events", type=int, default=200, help="how many")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="of the servers")
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0], help="of cluster")
    parser.add_argument("--keep", type=_numbers, help="these events of the plan alone: 3,7,12")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant this one")
    parser.add_argument("--loops", action="store_true", help="have tasks of an event loop, too")
    parser.add_argument("--cut", type=float, default=180, help="seconds to find a shorter one in")
    parser.add_argument("--repeat", type=int, default=3, help="runs of the shortest history")
    parser.add_argument("--summary", type=Path, help="write a summary into this document")
    return parser.parse_args()


def _command(arguments: argparse.Namespace) -> str:
    """Return the command that does the same again."""
    words = ["python", "-m", "tests.chaos"]
    words += ["--seed", str(arguments.seed), "--events", str(arguments.events)]
    if arguments.engine != ENGINES[0]:
        words += ["--engine", arguments.engine]
    if arguments.kind != KINDS[0]:
        words += ["--kind", arguments.kind]
    if arguments.keep:
        words += ["--keep", ",".join(map(str, arguments.keep))]
    if arguments.bug:
        words += ["--bug", arguments.bug]
    if arguments.loops:
        words += ["--loops"]
    return shlex.join(words)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
