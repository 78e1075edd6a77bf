"""What of the agent's own time each of its functions takes, and what for."""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import aurora_otel
from benchmarks.figures import Spread

# A function, as the profiler names it: file, line and name.
_Function = tuple[str, int, str]

_PACKAGE = Path(aurora_otel.__file__).parent
# So many profiles are made of each path, and the quietest ones count: others fall into what else
# the machine does.
_ROUNDS = 70
_QUIET = 10
# So many functions of each path are named.
_MOST = 4

_MEASURING = "measuring how long it waits, and is used"
# What code is there for, by where it is: the longest that fits counts.
_PURPOSES = {
    ".": "deciding what is to be done",
    "pools": "the pool's methods, wrapped",
    "pools/measuring.py": _MEASURING,
    "hooks/pool_meters.py": _MEASURING,
    "telemetry": "preparing telemetry",
    "discovery": "recognising the instance",
    "drivers": "the driver's methods, wrapped, and its files",
    "drivers/common/psycopg_answers.py": "asking the server, and waiting for its answer",
    "drivers/marks.py": "finding the track, and reading it",
    "tracking": "finding the cluster, and tracking",
    "tracking/track.py": "finding the track, and reading it",
    "monitoring": "keeping the login",
    "model": "understanding host names and answers",
    "runtime": "running the steps, shielded",
    "runtime/sockets.py": "asking the kernel about the socket",
    "runtime/traffic.py": "asking the kernel about the socket",
}


class Profile(NamedTuple):
    """Where the agent's own time goes on one path.

    Attributes:
        purposes: the share in % of each purpose, the largest first.
        functions: the share in % of the functions that take the most.
        calls: how many of the agent's functions are called each time.
    """

    purposes: dict[str, Spread]
    functions: dict[str, Spread]
    calls: float


def profile(work: Callable[[], object], times: int) -> Profile:
    """Profile `work`, which is done so many times in all."""
    work()
    rounds = [_round(work, times // _ROUNDS) for _ in range(_ROUNDS)]
    quiet = sorted((each for each, _ in rounds), key=Counter.total)[:_QUIET]
    functions = _spreads(quiet)
    purposes = _spreads([_by_purpose(each) for each in quiet])
    calls = Spread.of([calls for _, calls in rounds]).middle
    return Profile(purposes, dict(list(functions.items())[:_MOST]), calls)


def _by_purpose(taken: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, seconds in taken.items():
        found[_purpose(name)] += seconds
    return found


def _spreads(rounds: list[Counter[str]]) -> dict[str, Spread]:
    """Return the share in % of each name, the largest first."""
    names = dict.fromkeys(name for each in rounds for name in each)
    shares = {
        name: Spread.of([100 * each[name] / each.total() for each in rounds]) for name in names
    }
    return dict(sorted(shares.items(), key=lambda each: -each[1].middle))


def _round(work: Callable[[], object], times: int) -> tuple[Counter[str], float]:
    """Return the seconds that each of the agent's functions took, and their calls each time."""
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(times):
        work()
    profiler.disable()
    found: Any = pstats.Stats(profiler)
    taken: Counter[str] = Counter()
    calls = 0
    for function, (_, count, own, _, callers) in found.stats.items():
        if (name := _name(function)) is not None:
            taken[name] += own
            calls += count
        elif function[0] == "~":
            # Written in C: it counts for what calls it.
            for caller, (_, _, seconds, _) in callers.items():
                if (name := _name(caller)) is not None:
                    taken[name] += seconds
    return taken, calls / times


def _name(function: _Function) -> str | None:
    """Return what to call one of the agent's functions; `None` for any other."""
    file, _, name = function
    path = Path(file)
    return f"{path.relative_to(_PACKAGE)}: {name}" if path.is_relative_to(_PACKAGE) else None


def _purpose(name: str) -> str:
    """Return what one of the agent's functions is there for."""
    file = Path(name.partition(":")[0])
    return next(_PURPOSES[place] for place in map(str, (file, *file.parents)) if place in _PURPOSES)
