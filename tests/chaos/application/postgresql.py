"""PostgreSQL by psycopg, psycopg2 and asyncpg, psycopg_pool and SQLAlchemy."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import psycopg2
from psycopg_pool import ConnectionPool

from tests.chaos.application.database import Database, Pool
from tests.chaos.application.library import Library, LoopPool
from tests.chaos.application.pools import PATIENCE, SIZE, SQLAlchemyPool
from tests.chaos.application.postgresql_loops import Asyncpg, AsyncpgPool, AsyncPsycopg


class PostgreSQL(Database):
    """As `Database`.

    Args:
        dsns: by target, without a password.
        password: at first.
    """

    drivers = ("psycopg", "psycopg2")
    errors = {"psycopg": psycopg.Error, "psycopg2": psycopg2.Error}  # noqa: RUF012 - a constant
    writes = ("INSERT INTO writes (x) VALUES ('chaos') RETURNING current_setting('cluster_name')",)
    read = "SELECT max(id) FROM writes"
    long_query = "SELECT pg_sleep(1.5)"
    begin_read_only = "SET TRANSACTION READ ONLY"

    def __init__(self, dsns: Mapping[str, str], password: str) -> None:
        super().__init__(tuple(dsns), password)
        self._dsns = dsns
        database = self

        class Counted(psycopg.Connection[Any]):
            @classmethod
            def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
                kwargs["password"] = database.password
                return database.count(super().connect(conninfo, **kwargs))

        self._counted = Counted

    def connect(self, driver: str, target: str, *, autocommit: bool = False) -> Any:
        """Connect."""
        if driver == "psycopg":
            return self._counted.connect(self._dsns[target], autocommit=autocommit)
        connection = self.count(psycopg2.connect(self._dsns[target], password=self.password))
        connection.autocommit = autocommit
        return connection

    def is_closed(self, connection: Any) -> bool:
        """It is the same in both drivers."""
        return bool(connection.closed)

    def libraries(self) -> tuple[Library, ...]:
        """Return asyncpg and psycopg's own."""
        return (Asyncpg(self, self._dsns), AsyncPsycopg(self, self._dsns))

    def loop_pools(self) -> tuple[LoopPool, ...]:
        """Return asyncpg's."""
        return (AsyncpgPool(Asyncpg(self, self._dsns)),)

    def pools(self) -> list[Pool]:
        """One of each library's."""
        pool = ConnectionPool(
            self._dsns["writer"],
            connection_class=self._counted,
            min_size=1,
            max_size=SIZE,
            timeout=PATIENCE,
            reconnect_timeout=2,
            open=True,
        )
        return [_PsycopgPool(pool, self.write), SQLAlchemyPool("postgresql", self, "psycopg2")]


class _PsycopgPool:
    name = "psycopg_pool"
    errors = psycopg.Error

    def __init__(self, pool: ConnectionPool, write: Callable[[Any], str]) -> None:
        self._pool = pool
        self._write = write

    def write(self, report: Callable[[float, str, Any], None]) -> None:
        with self._pool.connection(PATIENCE) as connection:
            begun = time.monotonic()
            report(begun, self._write(connection), connection)

    def close(self) -> None:
        self._pool.close(2 * PATIENCE)
