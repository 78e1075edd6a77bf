"""What is compared on an event loop, and what each adds to a call that waits for nothing."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from time import perf_counter, process_time
from typing import Any

import asyncpg
import psycopg
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from aurora_otel import AuroraInstrumentor
from benchmarks.bench import Bench
from benchmarks.contenders import AWS_TRACKER, OURS, PLAIN, UPSTREAM
from benchmarks.measure import Block, Effort, Rounds, in_turn
from benchmarks.pinned import pin
from benchmarks.place import Place
from benchmarks.subjects import Subject

_TARGET = "lab-1"


def awaiting(
    loop: asyncio.AbstractEventLoop,
    call: Callable[[], Awaitable[object]],
    clock: Callable[[], float] = process_time,
) -> Block:
    """Return a block that awaits calls, one after the other; its clock is as `repeat`'s."""

    async def run(loops: int) -> float:
        rounds = range(loops)
        began = clock()
        for _ in rounds:
            await call()
        return clock() - began

    return lambda loops: loop.run_until_complete(run(loops))


async def by_asyncpg(place: Place) -> Any:
    """Connect by asyncpg."""
    given = place.parameters(_TARGET)
    login = {name: given[name] for name in ("port", "user", "password")}
    address = place.addresses[place.hosts[_TARGET]]
    return await asyncpg.connect(host=address, database=given["dbname"], ssl=False, **login)


async def by_psycopg(place: Place) -> Any:
    """Connect by psycopg."""
    return await psycopg.AsyncConnection.connect(place.dsn(_TARGET), autocommit=True)


async def by_aws(place: Place) -> Any:
    """Connect by psycopg through AWS's wrapper for event loops, with its tracker plugin alone.

    Beyond what `contenders.aws` says: it takes the port of each member to be 5432, unless the
    pattern of their names has another one. Without it, the writer that the connection leads to is
    not the topology's, for the tracker: a change of the writer. It closes the connection itself, in
    its first call ("the connection is closed"). So it does with one through the cluster endpoint,
    whatever the port (aws-advanced-python-wrapper#1276).
    """
    from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection  # noqa: PLC0415 - heavy

    async def connect(conninfo: str = "", **parameters: Any) -> Any:
        parameters["hostaddr"] = place.addresses.get(parameters.get("host", ""))
        return await psycopg.AsyncConnection.connect(conninfo, **parameters)

    _, _, domain = place.hosts[_TARGET].partition(".")
    return await AsyncAwsWrapperConnection.connect(
        connect,
        plugins="aurora_connection_tracker",
        wrapper_dialect="aurora-pg",
        cluster_instance_host_pattern=f"?.{domain}:{place.port}",
        autocommit=True,
        **place.parameters(_TARGET),
    )


# What is measured side by side, and which of them each is compared with.
PLAIN_PSYCOPG, OURS_PSYCOPG = "psycopg, plain", "psycopg, ours"
AWS_PSYCOPG = f"psycopg, {AWS_TRACKER}"
PLAIN_ASYNCPG, OURS_ASYNCPG = "asyncpg, plain", "asyncpg, ours"
UPSTREAM_ASYNCPG = f"asyncpg, {UPSTREAM}"
PLAINS = {
    OURS_ASYNCPG: PLAIN_ASYNCPG,
    UPSTREAM_ASYNCPG: PLAIN_ASYNCPG,
    OURS_PSYCOPG: PLAIN_PSYCOPG,
    AWS_PSYCOPG: PLAIN_PSYCOPG,
}
_CONNECTS = {
    PLAIN_ASYNCPG: by_asyncpg,
    OURS_ASYNCPG: by_asyncpg,
    UPSTREAM_ASYNCPG: by_asyncpg,
    PLAIN_PSYCOPG: by_psycopg,
    OURS_PSYCOPG: by_psycopg,
    AWS_PSYCOPG: by_aws,
}


def select(bench: Bench) -> Rounds:
    """Measure `SELECT 1` of all, each in a process of its own."""
    subjects = {
        name: Subject(functools.partial(_Contender, name, bench.place)) for name in _CONNECTS
    }
    try:
        blocks = {name: subject.block("select") for name, subject in subjects.items()}
        return bench.keep("SELECT 1 on a loop, of all", in_turn(blocks, bench.effort(200, 0.02)))
    finally:
        for subject in subjects.values():
            subject.__exit__(None, None, None)


class _Contender:
    """A connection on a loop."""

    def __init__(self, name: str, place: Place) -> None:
        if name in {OURS_ASYNCPG, OURS_PSYCOPG}:
            AuroraInstrumentor().instrument(instance_endpoints=place.instance_endpoints)
        if name == UPSTREAM_ASYNCPG:
            instrumentor: Any = AsyncPGInstrumentor
            instrumentor().instrument(tracer_provider=TracerProvider())
        loop = asyncio.new_event_loop()
        connection = loop.run_until_complete(_CONNECTS[name](place))
        if hasattr(connection, "get_server_pid"):
            pid = connection.get_server_pid()
            call = functools.partial(connection.execute, "SELECT 1")
        else:
            pid = connection.info.backend_pid
            cursor = connection.cursor()
            call = functools.partial(cursor.execute, "SELECT 1")
        pin(pid)
        self._block = awaiting(loop, call, perf_counter)

    def select(self, loops: int) -> float:
        """Run `SELECT 1`."""
        return self._block(loops)


def _done() -> Any:
    return
    yield


class _WaitingCursor(psycopg.AsyncCursor[Any]):
    async def execute(self, *_: Any, **__: Any) -> Any:
        """Wait for nothing."""
        await self.connection.wait(_done())


def null_execute(place: Place, effort: Effort) -> Rounds:
    """Measure a cursor that waits for nothing: alone, within AWS's wrapper, and with the agent."""
    plain = psycopg.AsyncConnection.wait
    AuroraInstrumentor().instrument(instance_endpoints=place.instance_endpoints)
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(by_aws(place))
    ours = psycopg.AsyncConnection.wait
    connection.target_connection.cursor_factory = _WaitingCursor
    bare, wrapped = connection.target_connection.cursor(), connection.cursor()

    def swapped(wait: Any, cursor: Any) -> Block:
        block = awaiting(loop, lambda: cursor.execute("SELECT 1"))

        def run(loops: int) -> float:
            psycopg.AsyncConnection.wait = wait  # type: ignore[method-assign]
            block(1)
            return block(loops)

        return run

    blocks = {
        PLAIN: swapped(plain, bare),
        AWS_TRACKER: swapped(plain, wrapped),
        OURS: swapped(ours, bare),
    }
    return in_turn(blocks, effort)
