"""asyncpg, and a pool of its connections."""

import importlib
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from .postgresql import PostgreSQL


class Asyncpg(PostgreSQL):
    """asyncpg.

    Args:
        dsn: a URL; what its query names is set for the session, but for `connect_timeout`.
    """

    write = PostgreSQL.numbered

    def __init__(self, dsn: str) -> None:
        self._asyncpg: Any = importlib.import_module("asyncpg")
        url = urlsplit(dsn)
        session = dict(parse_qsl(url.query))
        self._timeout = float(session.pop("connect_timeout", 60))
        self._dsn = url._replace(query=urlencode(session)).geturl()
        self.error: Any = (self._asyncpg.PostgresError, self._asyncpg.InterfaceError, OSError)

    async def connect(self) -> Any:
        """Open a connection."""
        return await self._asyncpg.connect(self._dsn, timeout=self._timeout)

    async def close(self, connection: Any) -> None:
        """Close it."""
        await connection.close()

    async def execute(self, connection: Any, statement: str, *params: Any) -> None:
        """Run a statement."""
        await connection.execute(statement, *params)

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver takes the connection for closed."""
        return bool(connection.is_closed())


class AsyncEngine(Asyncpg):
    """An engine of SQLAlchemy's: to connect is to take a connection out of its pool.

    Args:
        dsn: as for `Asyncpg`.
        size: how many connections its pool has.
    """

    def __init__(self, dsn: str, size: int) -> None:
        super().__init__(dsn)
        sqlalchemy: Any = importlib.import_module("sqlalchemy.ext.asyncio")
        self._engine = sqlalchemy.create_async_engine(
            "postgresql+asyncpg://",
            async_creator=super().connect,
            isolation_level="AUTOCOMMIT",
            pool_size=size,
            max_overflow=0,
        )
        errors: Any = importlib.import_module("sqlalchemy.exc")
        self.error = (errors.SQLAlchemyError, *self.error)

    async def connect(self) -> Any:
        """Take a connection."""
        return await self._engine.connect()

    async def execute(self, connection: Any, statement: str, *params: Any) -> None:
        """Run a statement."""
        await connection.exec_driver_sql(statement, params)

    def is_closed(self, connection: Any) -> bool:
        """Return whether SQLAlchemy takes the connection for lost."""
        return bool(connection.invalidated)
