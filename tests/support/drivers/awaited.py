"""Connections of drivers for event loops, as the synchronous DB-API that the tests speak.

The loop runs on a thread of its own. A behaviour that holds for every driver is written once: what
a test calls here, a coroutine on that loop does with the driver's own connection.
"""

from __future__ import annotations

import asyncio
import functools
import re
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import uvloop

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
_PARAMETER = re.compile("%s")


class Loop:
    """An event loop on a thread.

    Args:
        kind: one of `LOOPS`.
    """

    def __init__(self, kind: str) -> None:
        self.loop = LOOPS[kind]()
        threading.Thread(target=self.loop.run_forever, name=kind, daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return what `coroutine` returns on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def drop(self, thing: Any) -> None:
        """Have the loop's thread release the last reference to something."""
        self.loop.call_soon_threadsafe(lambda _: None, thing)


@functools.cache
def loop(kind: str) -> Loop:
    """Return the one loop of a kind, which runs until the tests end."""
    return Loop(kind)


class Cursor:
    """A cursor, as far as the tests use one."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: Any = None
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        found = self.connection.wait_for(self.connection.execute, statement, parameters)
        self.description, self._rows = (None, []) if found is None else found

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self.connection.wait_for(self.connection.execute_many, statement, rows)

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows, []
        return rows

    def close(self) -> None:
        pass


class Connection:
    """A connection: what differs between drivers is awaited in a subclass.

    Attributes:
        plain: the driver's own.
    """

    def __init__(self, loop: Loop, plain: Any) -> None:
        self.plain = plain
        self._loop = loop

    def __del__(self) -> None:
        # A driver's connection is no thread's but its loop's.
        self._loop.drop(self.__dict__.pop("plain", None))

    def wait_for(self, action: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        return self._loop.run(action(*args))

    def cursor(self) -> Cursor:
        return Cursor(self)

    def commit(self) -> None:
        self.wait_for(self.end, "COMMIT")

    def rollback(self) -> None:
        self.wait_for(self.end, "ROLLBACK")

    def close(self) -> None:
        self.wait_for(self.plain.close)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def execute(
        self, statement: str, parameters: Sequence[Any]
    ) -> tuple[Any, list[tuple[Any, ...]]] | None:
        """Run one statement, in a transaction; return its description and rows, if it has any."""
        raise NotImplementedError

    async def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row, in a transaction."""
        raise NotImplementedError

    async def end(self, statement: str) -> None:
        """End the transaction, if there is one."""
        raise NotImplementedError


class AsyncpgConnection(Connection):
    """asyncpg begins no transaction by itself, and numbers its parameters."""

    async def execute(
        self, statement: str, parameters: Sequence[Any]
    ) -> tuple[Any, list[tuple[Any, ...]]] | None:
        await self._begin()
        found = await self.plain.fetch(_numbered(statement), *parameters)
        return (tuple(found[0].keys()), [tuple(row) for row in found]) if found else None

    async def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        await self._begin()
        await self.plain.executemany(_numbered(statement), rows)

    async def end(self, statement: str) -> None:
        if self.plain.is_closed() or self.plain.is_in_transaction():
            await self.plain.execute(statement)

    async def _begin(self) -> None:
        if not self.plain.is_closed() and not self.plain.is_in_transaction():
            await self.plain.execute("BEGIN")


class PsycopgConnection(Connection):
    """psycopg's own cursors, awaited."""

    async def execute(
        self, statement: str, parameters: Sequence[Any]
    ) -> tuple[Any, list[tuple[Any, ...]]] | None:
        cursor = self.plain.cursor()
        await cursor.execute(statement, parameters or None)
        return (cursor.description, await cursor.fetchall()) if cursor.description else None

    async def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        await self.plain.cursor().executemany(statement, rows)

    async def end(self, statement: str) -> None:
        await (self.plain.commit() if statement == "COMMIT" else self.plain.rollback())


class MySQLConnection(Connection):
    """aiomysql's or asyncmy's own cursors, awaited; connections are closed without a wait."""

    def close(self) -> None:
        async def close() -> None:
            self.plain.close()

        self.wait_for(close)

    def __exit__(self, *error: object) -> None:
        self.wait_for(self.plain.__aexit__, *error)

    async def execute(
        self, statement: str, parameters: Sequence[Any]
    ) -> tuple[Any, list[tuple[Any, ...]]] | None:
        async with self.plain.cursor() as cursor:
            await cursor.execute(statement, parameters or None)
            found = cursor.description
            return (found, list(await cursor.fetchall())) if found else None

    async def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        async with self.plain.cursor() as cursor:
            await cursor.executemany(statement, rows)

    async def end(self, statement: str) -> None:
        await (self.plain.commit() if statement == "COMMIT" else self.plain.rollback())


class ConnectorConnection(Connection):
    """The cursors of `mysql.connector.aio`, awaited."""

    def __exit__(self, *error: object) -> None:
        self.wait_for(self.plain.__aexit__, *error)

    async def execute(
        self, statement: str, parameters: Sequence[Any]
    ) -> tuple[Any, list[tuple[Any, ...]]] | None:
        async with await self.plain.cursor() as cursor:
            await cursor.execute(statement, tuple(parameters))
            found = cursor.description
            return (found, list(await cursor.fetchall())) if found else None

    async def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        async with await self.plain.cursor() as cursor:
            await cursor.executemany(statement, rows)

    async def end(self, statement: str) -> None:
        await (self.plain.commit() if statement == "COMMIT" else self.plain.rollback())


def _numbered(statement: str) -> str:
    numbers = iter(range(1, 100))
    return _PARAMETER.sub(lambda _: f"${next(numbers)}", statement)
