"""Where does the time go in what is done often?"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

from aurora_otel.drivers.common import async_watching
from aurora_otel.drivers.common.watching import watch
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure
from benchmarks import null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.contenders import OURS, PLAIN
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.loop_contenders import awaiting
from benchmarks.measure import Block, Effort, Rounds, in_turn, repeat
from benchmarks.place import Place
from benchmarks.profiling import Profile, profile
from benchmarks.questions.checkouts import POOLS, Pools
from benchmarks.questions.connects import null_connect

TITLE = "Where the time goes"

FRAME, CLOCK = "its frame", "reading the clock"
REST = "finding the track, checking, marking"

_Work = Callable[[], object]
# Opens what is worked with, and closes it.
_Prepare = Callable[[Place, str], contextlib.AbstractContextManager[_Work]]

_NOTES = """\
What of the agent's own time goes into what: each function's, with the built-in functions that it
calls, and without its own functions below it. By `cProfile`, which makes each call longer, small
ones the most; the whole is given above, where nothing is profiled. A call on a healthy connection
is one function, made out of the templates in `drivers/common/watching.py` and `async_watching.py`:
its parts are measured in turn with wrappers that have the first of them, or the first two.

{paths}"""


def measure(bench: Bench) -> Answer:
    """Take calls apart; profile checkouts and connects."""
    calls = {"call": _call, "call on a loop": _call_on_loop}
    parts = {path: apart(function, bench.effort(400)) for path, function in calls.items()}
    for path, rounds in parts.items():
        bench.keep(f"the parts of a {path}", rounds)
    # What waits for the server takes longer.
    paths: dict[str, tuple[_Prepare, str, int]] = {
        **{f"checkout, {pool}": (_checkout, pool, bench.pick(21_000, 2_100)) for pool in POOLS},
        "connect, instance endpoint": (_connect, "lab-1", bench.pick(21_000, 2_100)),
        "connect, writer endpoint": (_connect, "writer", bench.pick(7_000, 700)),
    }
    profiles = {path: apart(_profile, bench.place, *each) for path, each in paths.items()}
    shares = {path: _shares(rounds) for path, rounds in parts.items()}
    shares |= {path: found.purposes for path, found in profiles.items()}
    bars = {f"{path}: {name}": share for path, of in shares.items() for name, share in of.items()}
    figures = tuple(Figure(name, share, "%") for name, share in bars.items())
    notes = _NOTES.format(paths="\n".join(_in_words(*each) for each in profiles.items()))
    return Answer(figures, Bars("% of the agent's own time", bars), notes)


def _in_words(path: str, found: Profile) -> str:
    """Say which functions take the most on a path."""
    *most, last = (f"{share.middle:.0f} % in `{name}`" for name, share in found.functions.items())
    return (
        f"- *{path}*: {found.calls:.0f} functions of the agent's are called. Of its time it spends"
        f" {', '.join(most)}, and {last}."
    )


def _profile(place: Place, prepare: _Prepare, what: str, times: int) -> Profile:
    with prepare(place, what) as work:
        return profile(work, times)


@contextlib.contextmanager
def _checkout(place: Place, pool: str) -> Iterator[_Work]:
    with Pools(OURS, place, [pool]) as pools:
        yield lambda: pools.use(pool, 1)


@contextlib.contextmanager
def _connect(place: Place, target: str) -> Iterator[_Work]:
    yield null_connect(place, OURS, target)


def _call(effort: Effort) -> Rounds:
    """Measure a null method, the watched one, and what lies between the two."""
    plain = null.Connection.call

    def in_a_frame(self: null.Connection) -> None:
        return plain(self)

    def with_the_clock(self: null.Connection) -> None:
        monotonic()
        return plain(self)

    return _in_turn(watch, repeat, (plain, in_a_frame, with_the_clock), effort)


async def _nothing(_: Any) -> None:
    """Wait for nothing."""


def _call_on_loop(effort: Effort) -> Rounds:
    """Measure the same with a null coroutine function."""
    loop = asyncio.new_event_loop()

    async def in_a_frame(self: Any) -> None:
        return await _nothing(self)

    async def with_the_clock(self: Any) -> None:
        monotonic()
        return await _nothing(self)

    def block(call: Callable[[], Any]) -> Block:
        return awaiting(loop, call)

    methods = (_nothing, in_a_frame, with_the_clock)
    return _in_turn(async_watching.watch, block, methods, effort)


def _in_turn(
    watched: Callable[..., Callable[..., Any]],
    block: Callable[[Callable[[], Any]], Block],
    methods: tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]],
    effort: Effort,
) -> Rounds:
    """Measure a plain method, one in a frame, one with the clock, and the plain one as watched."""
    agent = null.start()
    failure = Failure(None, lost=False)
    ours = watched(agent.hooks, methods[0], errors=OSError, failure_of=lambda *_: failure)
    connection = null.track(agent, null.Connection("lab-1"))
    named = zip((PLAIN, FRAME, CLOCK, OURS), (*methods, ours), strict=True)
    return in_turn({name: block(_on(connection, method)) for name, method in named}, effort)


def _on(connection: null.Connection, method: Callable[..., Any]) -> Callable[[], Any]:
    """Return `method` of an object that has the track of `connection`."""
    # On the class, as drivers are patched.
    made: Any = type("Patched", (null.Connection,), {"call": method})("lab-1")
    setattr(made, ATTRIBUTE, getattr(connection, ATTRIBUTE))
    call: Callable[[], Any] = made.call
    return call


def _shares(rounds: Rounds) -> dict[str, Spread]:
    """Return the share in % that each part has in what is added to a call."""
    whole = 100 / rounds.added(OURS, PLAIN).middle
    parts = {FRAME: (FRAME, PLAIN), CLOCK: (CLOCK, FRAME), REST: (OURS, CLOCK)}
    return {name: rounds.added(*each) * whole for name, each in parts.items()}
