"""Where does the time go in what is done often?"""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import aurora_otel
from aurora_otel.drivers.common.watching import watch
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure
from benchmarks import null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.contenders import OURS, PLAIN
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.measure import Block, Effort, Rounds, in_turn, repeat
from benchmarks.place import Place
from benchmarks.questions.checkouts import Pools
from benchmarks.questions.connects import null_connect

TITLE = "Where the time goes"

# So many functions of each path are shown; the others are summed up by package.
_MOST = 8
_PACKAGE = Path(aurora_otel.__file__).parent

NOTES = """\
What of the agent's own time each of its functions takes itself: with the built-in functions that
it calls, and without its own functions below it. By `cProfile`, which makes each call longer, small
ones the most; the whole is given above, where nothing is profiled. A call on a healthy connection
is one function, made out of the template in `drivers/common/watching.py`: its parts are measured in
turn with wrappers that have the first of them, or the first two."""


def measure(bench: Bench) -> Answer:
    """Take a call apart; profile a checkout of SQLAlchemy's pool and a connect to an instance."""
    times = bench.pick(20_000, 2_000)
    figures: list[Figure] = []
    bars: dict[str, Spread] = {}
    parts = apart(_call, bench.effort(400))
    bench.keep("the parts of a call", parts)
    shares_of = {"call": _shares(parts)}
    for path, work in (("checkout", _checkout), ("connect", _connect)):
        shares_of[path] = apart(_profile, work, bench.place, times)
    for path, shares in shares_of.items():
        for name, share in _shown(shares).items():
            title = f"{path}: {name}"
            figures.append(Figure(title, Spread.of([share]), "%"))
            bars[title] = Spread.of([share])
    return Answer(tuple(figures), Bars("% of the agent's own time", bars), NOTES)


def _shown(shares: Counter[str]) -> dict[str, float]:
    """Return the largest shares, and what the others of each package come to."""
    shown = dict(shares.most_common(_MOST))
    others: Counter[str] = Counter()
    for name, share in shares.items():
        if name not in shown:
            package = name.partition(":")[0].partition("/")[0]
            others[f"others in {package}"] += share
    return {**shown, **dict(others.most_common())}


def _profile(
    prepare: Callable[[Place], Callable[[], object]], place: Place, times: int
) -> Counter[str]:
    """Return the share in % that each of the agent's functions has in its own time."""
    work = prepare(place)
    work()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(times):
        work()
    profiler.disable()
    profile: Any = pstats.Stats(profiler)
    taken: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in profile.stats.items():
        if (name := _name(function)) is not None:
            taken[name] += own
        elif function[0] == "~":
            # Written in C: it counts for what calls it.
            for caller, (_, _, seconds, _) in callers.items():
                if (name := _name(caller)) is not None:
                    taken[name] += seconds
    total = sum(taken.values())
    return Counter({name: 100 * seconds / total for name, seconds in taken.items()})


def _name(function: tuple[str, int, str]) -> str | None:
    """Return what to call one of the agent's functions; `None` for any other."""
    file, _, name = function
    path = Path(file)
    return f"{path.relative_to(_PACKAGE)}: {name}" if path.is_relative_to(_PACKAGE) else None


FRAME, CLOCK, REST = "its frame", "reading the clock", "finding the track, checking, marking"


def _call(effort: Effort) -> Rounds:
    """Measure a null method, the watched one, and what lies between the two."""
    agent = null.start()
    connection = null.track(agent, null.Connection("lab-1"))
    plain = null.Connection.call
    failure = Failure(None, lost=False)
    ours = watch(agent.hooks, plain, errors=OSError, failure_of=lambda *_: failure)

    def in_a_frame(self: null.Connection) -> None:
        return plain(self)

    def with_the_clock(self: null.Connection) -> None:
        monotonic()
        return plain(self)

    methods = {PLAIN: plain, FRAME: in_a_frame, CLOCK: with_the_clock, OURS: ours}
    return in_turn({name: _on(connection, method) for name, method in methods.items()}, effort)


def _on(connection: null.Connection, method: Callable[..., Any]) -> Block:
    """Return a block that calls `method` of an object that has the track of `connection`."""
    made = type("Patched", (null.Connection,), {"call": method})("lab-1")
    setattr(made, ATTRIBUTE, getattr(connection, ATTRIBUTE))
    return repeat(made.call)


def _shares(rounds: Rounds) -> Counter[str]:
    """Return the share in % that each part has in what is added to a call."""
    parts = {
        FRAME: rounds.added(FRAME, PLAIN).middle,
        CLOCK: rounds.added(CLOCK, FRAME).middle,
        REST: rounds.added(OURS, CLOCK).middle,
    }
    total = rounds.added(OURS, PLAIN).middle
    return Counter({name: 100 * seconds / total for name, seconds in parts.items()})


def _checkout(place: Place) -> Callable[[], object]:
    pools = Pools(OURS, place, ["QueuePool"])
    return lambda: pools.use("QueuePool", 1)


def _connect(place: Place) -> Callable[[], object]:
    return null_connect(place, OURS)
