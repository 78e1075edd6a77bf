"""SQLAlchemy's pool, and what all pools have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import sqlalchemy

from tests.chaos.application.database import Database

# Connections that a pool may have.
SIZE = 3
# Seconds that a pool's user waits.
PATIENCE = 3.0


class SQLAlchemyPool:
    """As `Pool`: an engine.

    Args:
        dialect: as in a URL.
        database: where it connects to.
        driver: what it connects with.
    """

    name = "SQLAlchemy"

    def __init__(self, dialect: str, database: Database, driver: str) -> None:
        # Outside the engine's own calls, the driver's errors come as they are.
        self.errors = (sqlalchemy.exc.SQLAlchemyError, database.errors[driver])
        self._writes = database.writes
        self._engine = sqlalchemy.create_engine(
            f"{dialect}+{driver}://",
            creator=lambda: database.connect(driver, "writer"),
            pool_size=SIZE,
            pool_timeout=PATIENCE,
        )

    def write(self, report: Callable[[float, str, Any], None]) -> None:
        """Write in a transaction of the engine's."""
        with self._engine.begin() as connection:
            begun = time.monotonic()
            *first, last = self._writes
            for statement in first:
                connection.exec_driver_sql(statement)
            instance = connection.exec_driver_sql(last).scalar_one()
            report(begun, instance, connection.connection.dbapi_connection)

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()
