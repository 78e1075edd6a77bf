"""aiomysql."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiomysql
import pymysql

from tests.chaos.application.database import Database
from tests.chaos.application.pools import PATIENCE


class Aiomysql:
    """As `Library`. Its pool connects by itself: its connections would go uncounted.

    Args:
        database: counts its connections, and knows the password.
        logins: by target, without a password.
    """

    name = "aiomysql"
    errors = (pymysql.Error, OSError, asyncio.TimeoutError)

    def __init__(self, database: Database, logins: Mapping[str, Mapping[str, Any]]) -> None:
        self._database = database
        self._logins = logins

    async def connect(self, target: str) -> Any:
        """Connect."""
        login = {**self._logins[target], "password": self._database.password}
        login["db"] = login.pop("database")
        return self._database.count(await aiomysql.connect(**login, autocommit=True))

    @contextlib.asynccontextmanager
    async def transaction(self, connection: Any) -> AsyncIterator[None]:
        """Begin one, and commit it."""
        await connection.begin()
        try:
            yield
        except BaseException:
            if not connection.closed:
                with contextlib.suppress(*self.errors):
                    await connection.rollback()
            raise
        await connection.commit()

    async def write(self, connection: Any) -> str:
        """Write."""
        async with connection.cursor() as cursor:
            for statement in self._database.writes:
                await cursor.execute(statement)
            ((instance,),) = await cursor.fetchall()
        return str(instance)

    def is_closed(self, connection: Any) -> bool:
        """Return what it says."""
        return bool(connection.closed)

    async def close(self, connection: Any) -> None:
        """Close it, within the time that an application would give it."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(connection.ensure_closed(), PATIENCE)
