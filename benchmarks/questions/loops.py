"""What is added to a call on an event loop, and what does a connection there take?"""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, NamedTuple

from asyncpg.protocol import Protocol

from aurora_otel import AuroraInstrumentor
from aurora_otel.drivers.common.async_watching import watch
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure
from benchmarks import loop_contenders, null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.contenders import AWS_TRACKER, OURS, PLAIN
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.floor import OF_EMPTY, empty_coroutine
from benchmarks.loop_contenders import PLAINS, awaiting, by_asyncpg, null_execute
from benchmarks.measure import Block, Effort, Rounds, in_turn
from benchmarks.pinned import pin
from benchmarks.place import Place
from benchmarks.questions.idle_cleanup import _lift_limit, _peer

TITLE = "On an event loop"

YARDSTICK = "empty wrapper"
IDLE = 10_000
HELD = 60

NOTES = """\
A null coroutine returns at once, and is awaited. The floor is an empty wrapper around it: `async
def call(self, *args, **kwargs): return await original(self, *args, **kwargs)`. `SELECT 1` is
asyncpg's `fetchval`, with the loop and its server on one processor for what is added, and with each
on one of its own for what it is a share of. Idle connections are TCP connections over loopback with
asyncio's own transports and the smallest protocol that there is. Their loop runs on a thread of its
own, and hears of each end from the kernel, after the agent's shutdowns as after bare ones. For each
connection the agent makes several system calls, and other threads may run during each: so the loop
has heard of nearly all ends by then, and what it does for them is in the agent's seconds.

AWS's wrapper for event loops knows psycopg and aiomysql, not asyncpg. On another port than 5432 it
needs `cluster_instance_host_pattern` with that port. Without it, its tracker takes the writer that
a connection leads to for a former one, and closes the connection in its first call. It does so with
every connection through the cluster endpoint (aws-advanced-python-wrapper#1276): here, connections
are to the instance."""

# Times a bare shutdown of as many sockets, of which a loop hears as well.
LIMIT = 6.0


def measure(bench: Bench) -> Answer:
    """Measure null coroutines, `SELECT 1`, the memory of connections, and idle ones that end."""
    nulls = bench.keep("null coroutine", apart(_null_coroutine, bench.effort(200)))
    added, what = nulls.added(OURS, PLAIN), "added to a null coroutine"
    times = added * (1 / nulls.added(YARDSTICK, PLAIN).middle)
    figures = [
        Figure(f"{what}: of what an empty wrapper adds", times, "times", OF_EMPTY),
        Figure(what, added * 1e6, "µs"),
    ]
    figures += _select(bench)
    figures += _compared_with_aws(bench)
    rounds = loop_contenders.select(bench)
    for name, plain in PLAINS.items():
        figures.append(Figure(f"{name} adds to a SELECT 1", rounds.added(name, plain) * 1e6, "µs"))
    ours, without = (apart(_kib, bench.place, is_ours) for is_ours in (True, False))
    what = "memory that the agent adds to a connection of asyncpg's"
    figures.append(
        Figure(f"{what}: of its own", Spread.of([100 * (ours / without - 1)]), "%", 15.0)
    )
    figures.append(Figure(what, Spread.of([ours - without]), "KiB"))
    found = [apart(_invalidate, IDLE) for _ in range(bench.pick(5, 1))]
    what = f"{IDLE:,} idle connections invalidated"
    ratio = Spread.of([each.ours / each.bare for each in found])
    figures.append(Figure(f"{what}: of the bare shutdown", ratio, "times", LIMIT))
    figures.append(Figure(what, Spread.of([each.ours for each in found]), "s"))
    heard = Spread.of([each.heard for each in found])
    figures.append(Figure("until their loop has heard of the last", heard, "s"))
    shown = {name: rounds.spread(name) * 1e6 for name in rounds.seconds}
    return Answer(tuple(figures), Bars("µs per SELECT 1", shown), NOTES)


async def _nothing(_: Any) -> None:
    """Wait for nothing."""


def _null_coroutine(effort: Effort) -> Rounds:
    agent = null.start()
    connection = null.track(agent, null.Connection("lab-1"))
    loop = asyncio.new_event_loop()
    ours = watch(
        agent.hooks, _nothing, errors=OSError, failure_of=lambda *_: Failure(None, lost=False)
    )

    def patched(method: Callable[..., Any]) -> Block:
        # On the class, as drivers are patched.
        made: Any = type("Patched", (null.Connection,), {"call": method})("lab-1")
        setattr(made, ATTRIBUTE, getattr(connection, ATTRIBUTE))
        return awaiting(loop, made.call)

    blocks = {
        PLAIN: patched(_nothing),
        YARDSTICK: patched(empty_coroutine(_nothing)),
        OURS: patched(ours),
    }
    return in_turn(blocks, effort)


def _compared_with_aws(bench: Bench) -> Iterator[Figure]:
    effort = bench.effort(400)
    rounds = bench.keep("null execute, AWS", apart(null_execute, bench.place, effort))
    for name in (OURS, AWS_TRACKER):
        yield Figure(f"{name} adds to a null call", rounds.added(name, PLAIN) * 1e6, "µs")
    times = rounds.times(AWS_TRACKER, OURS, beyond=PLAIN)
    yield Figure("AWS's tracker adds this many times more", times, "times", 20.0, at_least=True)


def _select(bench: Bench) -> Iterator[Figure]:
    together = apart(_select_asyncpg, bench.place, False, bench.effort(900))  # noqa: FBT003 - a worker's
    alone = apart(_select_asyncpg, bench.place, True, bench.effort(300))  # noqa: FBT003 - a worker's
    bench.keep("SELECT 1, asyncpg, one processor", together)
    bench.keep("SELECT 1, asyncpg, two processors", alone)
    added, thin = together.added(OURS, PLAIN), together.added(YARDSTICK, PLAIN).middle
    usual = alone.spread(PLAIN).middle
    what = "added to SELECT 1, asyncpg"
    times = added * (1 / thin)
    yield Figure(f"{what}: of what an empty wrapper adds", times, "times", OF_EMPTY)
    yield Figure(f"{what}: of a SELECT 1", added * (100 / usual), "%", 4.0)
    yield Figure(what, added * 1e6, "µs")
    yield Figure("SELECT 1 itself", alone.spread(PLAIN) * 1e6, "µs")


def _select_asyncpg(place: Place, two: bool, effort: Effort) -> Rounds:  # noqa: FBT001 - a worker's
    """Measure one connection, patched and not in turn."""
    plain = Protocol.bind_execute
    AuroraInstrumentor().instrument(instance_endpoints=place.instance_endpoints)
    ours = Protocol.bind_execute
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(by_asyncpg(place))
    pin(connection.get_server_pid(), apart=two)
    block = awaiting(loop, lambda: connection.fetchval("SELECT 1"), perf_counter)

    def swapped(method: Callable[..., Any]) -> Block:
        def run(loops: int) -> float:
            Protocol.bind_execute = method
            block(1)
            return block(loops)

        return run

    methods = {PLAIN: plain, YARDSTICK: empty_coroutine(plain), OURS: ours}
    return in_turn({name: swapped(method) for name, method in methods.items()}, effort)


def _kib(place: Place, ours: bool) -> float:  # noqa: FBT001 - called in another process
    """Return the memory of a connection of asyncpg's."""
    if ours:
        AuroraInstrumentor().instrument(instance_endpoints=place.instance_endpoints)
    loop = asyncio.new_event_loop()

    async def opened(count: int) -> list[Any]:
        return [await by_asyncpg(place) for _ in range(count)]

    # The first ones bring what all of them share.
    first = loop.run_until_complete(opened(5))
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    held = loop.run_until_complete(opened(HELD))
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    del first, held
    return (after - before) / HELD / 1024


class _Lost(asyncio.Protocol):
    """The smallest protocol: it counts the ends."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def connection_lost(self, _: Exception | None) -> None:
        self._ended()


class _Ends(NamedTuple):
    """How long it took to shut idle connections down.

    Attributes:
        ours: seconds, by the agent.
        heard: seconds until their loop had heard of the last, then.
        bare: seconds, by nothing but shutdowns.
    """

    ours: float
    heard: float
    bare: float


def _invalidate(count: int) -> _Ends:
    _lift_limit()
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    agent = null.start()
    members = ("lab-1", "lab-2")
    first = null.track(agent, null.Connection("lab-1"))
    null.judge(first, "lab-1", members)

    def by_the_agent(sockets: list[socket.socket]) -> Callable[[], None]:
        held = [null.track(agent, null.Connection("lab-1", each)) for each in sockets]
        # As the background loop does within a second: these have been idle for longer.
        agent.tracker.drain()

        def end() -> None:
            null.judge(first, "lab-2", members)
            # They had to live until now.
            held.clear()

        return end

    def bare(sockets: list[socket.socket]) -> Callable[[], None]:
        def end() -> None:
            for each in sockets:
                each.shutdown(socket.SHUT_RDWR)

        return end

    ours, heard = _timed(loop, count, by_the_agent)
    return _Ends(ours, heard, _timed(loop, count, bare)[0])


def _timed(
    loop: asyncio.AbstractEventLoop,
    count: int,
    prepared: Callable[[list[socket.socket]], Callable[[], None]],
) -> tuple[float, float]:
    """Return how long it takes to end connections, and until `loop` has heard of the last."""
    left, over = [count], threading.Event()

    def ended() -> None:
        left[0] -= 1
        if not left[0]:
            over.set()

    async def opened(sockets: list[socket.socket]) -> None:
        for each in sockets:
            await loop.create_connection(lambda: _Lost(ended), sock=each)

    with _peer() as address:
        sockets = [socket.create_connection(address) for _ in range(count)]
        asyncio.run_coroutine_threadsafe(opened(sockets), loop).result()
        end = prepared(sockets)
        began = perf_counter()
        end()
        took = perf_counter() - began
        if not over.wait(60):
            raise RuntimeError(f"a loop has not heard of {left[0]} ends")
        return took, perf_counter() - began
