"""The calls of drivers for event loops that go to the network, as `calls`."""

from __future__ import annotations

import asyncio
import functools
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiomysql
from asyncmy.cursors import SSCursor

from tests.support.drivers.calls import _MANY_ROWS, COMMON, WatchedCall


def _awaited(name: str, *args: Any, **kwargs: Any) -> WatchedCall:
    """Return a call of a connection's coroutine function."""

    def act(connection: Any) -> None:
        connection.wait_for(functools.partial(getattr(connection.plain, name), *args, **kwargs))

    return WatchedCall(lambda connection: connection, act)


def _callproc(connection: Any) -> None:
    async def call() -> None:
        async with connection.plain.cursor() as cursor:
            await cursor.callproc("unknown")

    connection.wait_for(call)


def _streamed(*args: Any) -> Callable[[Any], Any]:
    """Return what opens a cursor whose rows are still on their way."""

    def prepare(connection: Any) -> Any:
        async def stream() -> Any:
            cursor = connection.plain.cursor(*args)
            # aiomysql's is awaited for its own sake.
            cursor = cursor if hasattr(cursor, "execute") else await cursor
            await cursor.execute(_MANY_ROWS)
            await cursor.fetchone()
            return connection, cursor

        return connection.wait_for(stream)

    return prepare


def _fetch(streamed: Any) -> None:
    connection, cursor = streamed
    connection.wait_for(cursor.fetchall)


def _prepared(connection: Any) -> Any:
    """Prepare and execute once: the next execution goes to the network by another way."""

    async def prepare() -> Any:
        statement = await connection.plain.prepare("SELECT ?")
        await statement.execute((1,))
        return connection, statement

    return connection.wait_for(prepare)


def _execute(prepared: Any) -> None:
    connection, statement = prepared
    connection.wait_for(statement.execute, (2,))


def _connector_call(statement: str, act: Callable[[Any], Any], **kwargs: Any) -> WatchedCall:
    """Return a call of a cursor of `mysql.connector.aio`, once it has executed a statement."""

    def prepare(connection: Any) -> Any:
        async def execute() -> Any:
            cursor = await connection.plain.cursor(**kwargs)
            await cursor.execute(statement, (1,) if "?" in statement else ())
            if "?" in statement:
                await cursor.fetchall()
            return connection, cursor

        return connection.wait_for(execute)

    return WatchedCall(prepare, lambda found: found[0].wait_for(act, found[1]))


async def _several(connection: Any) -> None:
    async for _ in connection.cmd_query_iter("SELECT 1; SELECT 2"):
        await connection.get_rows()


_COMMON = {
    **COMMON,
    "autocommit": _awaited("autocommit", value=True),
    "begin": _awaited("begin"),
    "callproc": WatchedCall(lambda connection: connection, _callproc),
    "ping": _awaited("ping", reconnect=False),
    "select_db": _awaited("select_db", "app"),
}
CALLS = {
    "aiomysql": {
        **_COMMON,
        "set_charset": _awaited("set_charset", "latin1"),
        "server-side cursor": WatchedCall(_streamed(aiomysql.SSCursor), _fetch),
    },
    "mysql-connector-aio": {
        **COMMON,
        "autocommit": _awaited("set_autocommit", value=True),
        "start_transaction": _awaited("start_transaction"),
        "ping": _awaited("ping", reconnect=False),
        "is_connected": _awaited("is_connected")._replace(is_silent=True),
        "select_db": _awaited("cmd_init_db", "app"),
        "several": WatchedCall(
            lambda connection: connection,
            lambda connection: connection.wait_for(_several, connection.plain),
        ),
        "prepared": _connector_call(
            "SELECT ?", lambda cursor: cursor.execute("SELECT ?", (2,)), prepared=True
        ),
        "server-side cursor": _connector_call(_MANY_ROWS, lambda cursor: cursor.fetchall()),
    },
    "asyncmy": {
        **_COMMON,
        "prepare": _awaited("prepare", "SELECT ?"),
        "prepared": WatchedCall(_prepared, _execute),
        "server-side cursor": WatchedCall(_streamed(SSCursor), _fetch),
    },
}


async def _rows(is_over: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Yield rows until `is_over`: not so many that a server which hangs has no room for them."""
    while not is_over():
        yield b"copied\n"
        await asyncio.sleep(0.02)


def _asyncpg_copies_in(connection: Any, is_over: Callable[[], bool]) -> None:
    # asyncpg raises nothing before its source has ended, also where it knows of the loss.
    rows = _rows(lambda: is_over() or connection.plain.is_closed())
    copy = connection.plain.copy_to_table
    connection.wait_for(functools.partial(copy, "writes", source=rows, columns=["x"]))


def _asyncpg_copies_out(connection: Any, _: Callable[[], bool]) -> None:
    copy = connection.plain.copy_from_query
    connection.wait_for(functools.partial(copy, "SELECT pg_sleep(300)", output=io.BytesIO()))


def _psycopg_copies_in(connection: Any, is_over: Callable[[], bool]) -> None:
    async def copy() -> None:
        statement = "COPY writes (x) FROM STDIN"
        async with connection.plain.cursor() as cursor, cursor.copy(statement) as copying:
            async for row in _rows(is_over):
                # Below what keeps rows back until there are many.
                await copying.writer.write(row)

    connection.wait_for(copy)


def _psycopg_copies_out(connection: Any, _: Callable[[], bool]) -> None:
    async def copy() -> None:
        statement = "COPY (SELECT pg_sleep(300)) TO STDOUT"
        async with connection.plain.cursor() as cursor, cursor.copy(statement) as copying:
            async for _ in copying:
                pass

    connection.wait_for(copy)


# Each with what says that its rows are to end: a driver may notice a loss no sooner.
COPIES: dict[str, dict[str, Callable[..., object]]] = {
    "asyncpg": {"in": _asyncpg_copies_in, "out": _asyncpg_copies_out},
    "psycopg": {"in": _psycopg_copies_in, "out": _psycopg_copies_out},
}
