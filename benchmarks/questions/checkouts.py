"""What is added to a pool's checkout?"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterable
from time import perf_counter, process_time
from typing import Any

import psycopg_pool
import sqlalchemy

from aurora_otel.hooks.pool_meters import BATCH, SHORT
from benchmarks.bench import Bench
from benchmarks.contenders import CONTENDERS, OURS, OURS_METRICS, PLAIN
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.floor import poll_and_coroutines, poll_and_wrappers, two_records
from benchmarks.loop_contenders import awaiting
from benchmarks.measure import Block, in_turn, repeat
from benchmarks.pinned import pin
from benchmarks.place import Place
from benchmarks.subjects import Subject

TITLE = "Added to a checkout"

FLOOR = "the floor"
FLOOR_ON_LOOP = "the floor, on a loop"
RECORDS = "two records"

NOTES = f"""\
A connection is taken out of the pool and put back; nothing is done with it, and the server is asked
nothing. The target is a multiple of what no library can go below that checks a connection's socket
where it is handed out: one `poll`, and an empty Python wrapper around each of the two methods,
which are coroutine functions on an event loop; with metrics, OpenTelemetry's SDK records two
histograms besides, the time to wait and the time in use. All of it is measured beside the agent, in
the same run. What the pools themselves offer against lost connections is a round trip over loopback
at each checkout, which a stale connection passes; it is shown for comparison.

A checkout with metrics only keeps its figures: the SDK is called on another thread for {BATCH}
checkouts at once, or when metrics are collected. Here, where nothing else is done, that thread's
time counts as the checkout's; in an application it falls into the waits for the database. A wait
of more than {SHORT * 1e3:g} ms is recorded at once, so that its exemplar leads to the trace that
had to wait."""

# Times the floor: 3 µs and 12 µs where a `SELECT 1` takes 23 µs.
LIMITS = {OURS: 4.5, OURS_METRICS: 1.7}
# Each pool, the option by which it checks connections itself, and its floor.
POOLS = {
    "QueuePool": ("pool_pre_ping", FLOOR),
    "ConnectionPool": ("check", FLOOR),
    "AsyncConnectionPool": ("check, on a loop", FLOOR_ON_LOOP),
}
# Several times as many checkouts as are recorded at once: each block has its part of that.
_BLOCK = 0.03
_ONE: dict[str, Any] = {"min_size": 1, "max_size": 1}

Clock = Callable[[], float]


def measure(bench: Bench) -> Answer:
    """Measure each pool plain, with ours, and plain with its own check, beside the floor."""
    figures: list[Figure] = []
    bars: dict[str, Spread] = {}
    beside = {FLOOR, FLOOR_ON_LOOP, RECORDS, *(option for option, _ in POOLS.values())}
    measured = {PLAIN: {*POOLS, *beside}, OURS: {*POOLS}, OURS_METRICS: {*POOLS}}
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(Subject(functools.partial(Pools, name, bench.place, opened)))
            for name, opened in measured.items()
        }
        for pool, (option, bare) in POOLS.items():
            blocks = {name: subject.block("use", pool) for name, subject in running.items()}
            both = {PLAIN: blocks[PLAIN], option: running[PLAIN].block("use", option)}
            for name in (bare, RECORDS):
                blocks[name] = running[PLAIN].block("use", name)
            rounds = bench.keep(f"checkout, {pool}", in_turn(blocks, bench.effort(120, _BLOCK)))
            # Apart: it waits for the server, and would decide which rounds were quiet.
            checked = bench.keep(f"{pool}, {option}", in_turn(both, bench.effort(60, _BLOCK)))
            floor = rounds.spread(bare).middle
            floors = {OURS: floor, OURS_METRICS: floor + rounds.spread(RECORDS).middle}
            for name, limit in LIMITS.items():
                added, what = rounds.added(name, PLAIN), f"{pool}, {name}"
                times = added * (1 / floors[name])
                figures.append(Figure(f"{what}: of the floor", times, "times", limit))
                figures.append(Figure(what, added * 1e6, "µs"))
            figures.append(Figure(f"{pool}, {option}", checked.added(option, PLAIN) * 1e6, "µs"))
            figures.append(Figure(f"{pool}, {bare}", rounds.spread(bare) * 1e6, "µs"))
            bars |= {f"{pool}, {name}": rounds.spread(name) * 1e6 for name in running}
            bars[f"{pool}, {option}"] = checked.spread(option) * 1e6
        figures.append(Figure("two records of the SDK", rounds.spread(RECORDS) * 1e6, "µs"))
    return Answer(tuple(figures), Bars("µs per checkout and return", bars), NOTES)


class Pools(contextlib.AbstractContextManager["Pools"]):
    """An application's pools, of one connection each, and what they are compared with.

    A context manager that closes them.

    Args:
        contender: how connections are watched.
        place: where the cluster is.
        names: what is measured: nothing else is opened.
    """

    def __init__(self, contender: str, place: Place, names: Iterable[str]) -> None:
        self._connect = functools.partial(CONTENDERS[contender](place), "lab-1")
        self._dsn = place.dsn("lab-1")
        self._loop = asyncio.new_event_loop()
        self._exit = contextlib.ExitStack()
        pin()
        check = psycopg_pool.ConnectionPool.check_connection
        check_on_loop = psycopg_pool.AsyncConnectionPool.check_connection
        # What waits for the server goes by the clock.
        blocks: dict[str, Callable[[], Block]] = {
            "QueuePool": self._engine,
            "pool_pre_ping": lambda: self._engine(perf_counter, pool_pre_ping=True),
            "ConnectionPool": self._pool,
            "check": lambda: self._pool(perf_counter, check=check),
            "AsyncConnectionPool": self._pool_on_loop,
            "check, on a loop": lambda: self._pool_on_loop(perf_counter, check=check_on_loop),
            FLOOR: lambda: repeat(poll_and_wrappers()),
            FLOOR_ON_LOOP: lambda: awaiting(self._loop, poll_and_coroutines()),
            RECORDS: lambda: repeat(two_records()),
        }
        self._blocks = {name: blocks[name]() for name in names}

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def use(self, name: str, loops: int) -> float:
        """Take a connection out of a pool, and put it back."""
        return self._blocks[name](loops)

    def _engine(self, clock: Clock = process_time, **options: Any) -> Block:
        url = "postgresql+psycopg://"
        engine = sqlalchemy.create_engine(url, creator=self._connect, **options)
        self._exit.callback(engine.dispose)
        return repeat(functools.partial(_use_engine, engine), clock)

    def _pool(self, clock: Clock = process_time, **options: Any) -> Block:
        pool = psycopg_pool.ConnectionPool(self._dsn, **_ONE, open=True, **options)
        self._exit.callback(pool.close)
        pool.wait()
        return repeat(functools.partial(_use_pool, pool), clock)

    def _pool_on_loop(self, clock: Clock = process_time, **options: Any) -> Block:
        async def opened() -> psycopg_pool.AsyncConnectionPool[Any]:
            pool = psycopg_pool.AsyncConnectionPool(self._dsn, **_ONE, open=False, **options)
            await pool.open(wait=True)
            return pool

        pool = self._loop.run_until_complete(opened())
        self._exit.callback(lambda: self._loop.run_until_complete(pool.close()))
        return awaiting(self._loop, functools.partial(_use_pool_on_loop, pool), clock)


def _use_engine(engine: sqlalchemy.Engine) -> None:
    engine.connect().close()


def _use_pool(pool: psycopg_pool.ConnectionPool[Any]) -> None:
    pool.putconn(pool.getconn())


async def _use_pool_on_loop(pool: psycopg_pool.AsyncConnectionPool[Any]) -> None:
    await pool.putconn(await pool.getconn())
