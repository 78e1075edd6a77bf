"""What is added to a pool's checkout?"""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import psycopg_pool
import sqlalchemy

from benchmarks.bench import Bench
from benchmarks.contenders import CONTENDERS, OURS, OURS_METRICS, PLAIN
from benchmarks.figures import Answer, Bars, Figure, Guard, Spread
from benchmarks.measure import in_turn, repeat
from benchmarks.pinned import pin
from benchmarks.place import Place
from benchmarks.subjects import Subject

TITLE = "Added to a checkout"

NOTES = """\
A connection is taken out of the pool and put back; nothing is done with it, and the server is asked
nothing. What the pools themselves offer against lost connections is a round trip over loopback at
each checkout, which a stale connection passes. The agent may add a tenth of that at most, with
metrics a third. Most of what it adds is to ask the kernel whether the server has hung up. With
metrics, OpenTelemetry's SDK records two histograms, the time to wait and the time in use, which is
most of the difference."""

# Percent of what the pool's own check adds.
LIMITS = {OURS: 10.0, OURS_METRICS: 33.0}
# Each pool, and the option by which it checks connections itself.
POOLS = {"QueuePool": "pool_pre_ping", "ConnectionPool": "check"}


def measure(bench: Bench) -> Answer:
    """Measure each pool plain, with ours, and plain with its own check."""
    figures: list[Figure] = []
    bars: dict[str, Spread] = {}
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(Subject(functools.partial(_Pools, name, bench.place)))
            for name in (PLAIN, OURS, OURS_METRICS)
        }
        for pool, option in POOLS.items():
            blocks = {name: subject.block("use", pool) for name, subject in running.items()}
            blocks[option] = running[PLAIN].block("use", option)
            rounds = bench.keep(f"checkout, {pool}", in_turn(blocks, bench.effort(150)))
            plain, check = rounds.spread(PLAIN).middle, rounds.added(option, PLAIN)
            for name, limit in LIMITS.items():
                added = rounds.added(name, PLAIN)
                guard = Guard(added.middle / plain, USUAL[pool][name])
                share, what = added * (100 / check.middle), f"{pool}, {name}"
                figures.append(Figure(f"{what}: of {option}", share, "%", limit, guard=guard))
                figures.append(Figure(what, added * 1e6, "µs"))
            figures.append(Figure(f"{pool}, {option}", check * 1e6, "µs"))
            bars |= {f"{pool}, {name}": rounds.spread(name) * 1e6 for name in blocks}
    return Answer(tuple(figures), Bars("µs per checkout and return", bars), NOTES)


# Ours over the pool's own checkout and return, in a full run.
USUAL = {
    "QueuePool": {OURS: 0.8, OURS_METRICS: 2.0},
    "ConnectionPool": {OURS: 2.5, OURS_METRICS: 7.0},
}


class _Pools:
    """An application's pools, of one connection each."""

    def __init__(self, contender: str, place: Place) -> None:
        connect, dsn = CONTENDERS[contender](place), place.dsn("lab-1")
        pin()

        def engine(**options: Any) -> sqlalchemy.Engine:
            creator = functools.partial(connect, "lab-1")
            return sqlalchemy.create_engine("postgresql+psycopg://", creator=creator, **options)

        def pool(**options: Any) -> psycopg_pool.ConnectionPool[Any]:
            made = psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=1, open=True, **options)
            made.wait()
            return made

        engines = {"QueuePool": engine(), "pool_pre_ping": engine(pool_pre_ping=True)}
        check = psycopg_pool.ConnectionPool.check_connection
        pools = {"ConnectionPool": pool(), "check": pool(check=check)}
        self._uses = {
            **{name: functools.partial(_use_engine, each) for name, each in engines.items()},
            **{name: functools.partial(_use_pool, each) for name, each in pools.items()},
        }

    def use(self, name: str, loops: int) -> float:
        """Take a connection out of a pool, and put it back."""
        return repeat(self._uses[name])(loops)


def _use_engine(engine: sqlalchemy.Engine) -> None:
    engine.connect().close()


def _use_pool(pool: psycopg_pool.ConnectionPool[Any]) -> None:
    pool.putconn(pool.getconn())
