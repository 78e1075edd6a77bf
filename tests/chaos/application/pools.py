"""Threads that take connections out of a pool and put them back."""

from __future__ import annotations

import threading
import time

import psycopg
import psycopg2
import sqlalchemy
from psycopg_pool import ConnectionPool

from tests.chaos.application.database import WRITE, Database
from tests.chaos.application.telling import Teller
from tests.chaos.application.workers import Worker

_SIZE = 3
# Seconds that a pool's user waits.
_PATIENCE = 3.0


class PsycopgPoolUser(Worker):
    """Uses one of psycopg_pool's."""

    def __init__(
        self, number: int, pool: ConnectionPool, teller: Teller, stopped: threading.Event
    ) -> None:
        super().__init__(f"user {number} of psycopg_pool", psycopg.Error, teller, stopped)
        self._pool = pool

    def turn(self) -> None:
        """Write on a connection of the pool."""
        with self._pool.connection(_PATIENCE) as connection:
            begun = time.monotonic()
            ((instance,),) = connection.execute(WRITE).fetchall()
            self.wrote(begun, instance, connection)


class SQLAlchemyUser(Worker):
    """Uses an engine of SQLAlchemy's."""

    def __init__(
        self,
        number: int,
        engine: sqlalchemy.Engine,
        teller: Teller,
        stopped: threading.Event,
    ) -> None:
        # Outside its own calls, it passes the driver's errors on.
        errors = (sqlalchemy.exc.SQLAlchemyError, psycopg2.Error)
        super().__init__(f"user {number} of SQLAlchemy", errors, teller, stopped)
        self._engine = engine

    def turn(self) -> None:
        """Write in a transaction of the engine's."""
        with self._engine.begin() as connection:
            begun = time.monotonic()
            instance = connection.exec_driver_sql(WRITE).scalar_one()
            self.wrote(begun, instance, connection.connection.dbapi_connection)


class Pools:
    """The pools of the application."""

    def __init__(self, database: Database) -> None:
        self.pool = ConnectionPool(
            database.dsn("writer"),
            connection_class=database.pooled,
            min_size=1,
            max_size=_SIZE,
            timeout=_PATIENCE,
            reconnect_timeout=2,
            open=True,
        )
        self.engine = sqlalchemy.create_engine(
            "postgresql+psycopg2://",
            creator=lambda: database.psycopg2("writer"),
            pool_size=_SIZE,
            pool_timeout=_PATIENCE,
        )

    def users(self, teller: Teller, stopped: threading.Event) -> list[Worker]:
        """Return the threads that use them: one more than there are connections."""
        numbers = range(1, _SIZE + 2)
        return [
            *(PsycopgPoolUser(number, self.pool, teller, stopped) for number in numbers),
            *(SQLAlchemyUser(number, self.engine, teller, stopped) for number in numbers),
        ]

    def close(self) -> None:
        """Close them."""
        self.pool.close(2 * _PATIENCE)
        self.engine.dispose()
