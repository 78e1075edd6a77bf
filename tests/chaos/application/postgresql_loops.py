"""asyncpg and its pool, and psycopg's `AsyncConnection`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.chaos.application.database import Database
from tests.chaos.application.library import Library
from tests.chaos.application.pools import PATIENCE, SIZE

# Seconds that a connect may take.
_CONNECT = 3


class Asyncpg:
    """As `Library`.

    Args:
        database: counts its connections, and knows the password.
        dsns: by target, without a password.
    """

    name = "asyncpg"
    errors = (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        # Where the server has ended an idle session, and the end of its link is not there yet.
        asyncpg.InternalClientError,
        OSError,
        asyncio.TimeoutError,
    )

    def __init__(self, database: Database, dsns: Mapping[str, str]) -> None:
        self._database = database
        self.logins = {target: _login(dsn) for target, dsn in dsns.items()}

    async def connect(self, target: str) -> Any:
        """Connect."""
        return await self.open(**self.logins[target])

    def transaction(self, connection: Any) -> AbstractAsyncContextManager[Any]:
        """Return its own."""
        return connection.transaction()

    async def write(self, connection: Any) -> str:
        """Write, by a prepared statement."""
        (statement,) = self._database.writes
        return str(await connection.fetchval(statement))

    def is_closed(self, connection: Any) -> bool:
        """Return what it says."""
        return bool(connection.is_closed())

    async def close(self, connection: Any) -> None:
        """Close it, within the time that an application would give it."""
        await connection.close(timeout=PATIENCE)

    async def open(self, *_: Any, **login: Any) -> Any:
        """Connect, as a pool wants it."""
        database = self._database
        login |= {"password": database.password, "timeout": _CONNECT}
        return database.count(await asyncpg.connect(**login))


class AsyncpgPool:
    """As `LoopPool`.

    Args:
        library: asyncpg.
    """

    def __init__(self, library: Asyncpg) -> None:
        self.library: Library = library
        self._create = lambda: asyncpg.create_pool(
            **library.logins["writer"], connect=library.open, min_size=1, max_size=SIZE
        )

    async def open(self) -> None:
        """Open one whose connections are counted."""
        self._pool = await self._create()

    def lend(self) -> AbstractAsyncContextManager[Any]:
        """Lend one."""
        return self._pool.acquire(timeout=PATIENCE)

    def close(self) -> None:
        """Close it."""
        self._pool.terminate()


class AsyncPsycopg:
    """As `Library`.

    Args:
        database: as for `Asyncpg`.
        dsns: as there.
    """

    name = "AsyncConnection"
    errors = psycopg.Error

    def __init__(self, database: Database, dsns: Mapping[str, str]) -> None:
        self._database = database
        self._dsns = dsns

    async def connect(self, target: str) -> Any:
        """Connect."""
        connect, password = psycopg.AsyncConnection.connect, self._database.password
        dsn = self._dsns[target]
        return self._database.count(await connect(dsn, password=password, autocommit=True))

    def transaction(self, connection: Any) -> AbstractAsyncContextManager[Any]:
        """Return its own."""
        return connection.transaction()

    async def write(self, connection: Any) -> str:
        """Write."""
        (statement,) = self._database.writes
        ((instance,),) = await (await connection.execute(statement)).fetchall()
        return str(instance)

    def is_closed(self, connection: Any) -> bool:
        """Return what it says."""
        return bool(connection.closed)

    async def close(self, connection: Any) -> None:
        """Close it."""
        await connection.close()


def _login(dsn: str) -> dict[str, Any]:
    given = conninfo_to_dict(dsn)
    login = {name: given[name] for name in ("host", "port", "user")}
    return {**login, "database": given["dbname"], "ssl": False}
