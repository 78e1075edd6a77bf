"""psycopg, and pools of its connections."""

import importlib
from typing import Any

from .postgresql import PostgreSQL


class Psycopg(PostgreSQL):
    """psycopg.

    Args:
        dsn: libpq's connection string.
    """

    def __init__(self, dsn: str) -> None:
        self._psycopg: Any = importlib.import_module("psycopg")
        self._dsn = dsn
        self.error: Any = self._psycopg.Error

    def connect(self) -> Any:
        """Open a connection."""
        return self._psycopg.connect(self._dsn, autocommit=True)

    def close(self, connection: Any) -> None:
        """Close it."""
        connection.close()

    def execute(self, connection: Any, statement: str, *params: Any) -> None:
        """Run a statement."""
        connection.execute(statement, params)

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver takes the connection for closed."""
        return bool(connection.closed)


class PsycopgPool(Psycopg):
    """psycopg_pool: to connect is to take a connection out of it, and to close is to put it back.

    Args:
        dsn: libpq's connection string.
        size: how many connections it has.
    """

    def __init__(self, dsn: str, size: int) -> None:
        super().__init__(dsn)
        psycopg_pool: Any = importlib.import_module("psycopg_pool")
        self._pool = psycopg_pool.ConnectionPool(
            dsn, kwargs={"autocommit": True}, min_size=size, max_size=size, open=True
        )
        self._pool.wait()

    def connect(self) -> Any:
        """Take a connection."""
        return self._pool.getconn()

    def close(self, connection: Any) -> None:
        """Put a connection back."""
        self._pool.putconn(connection)


class Engine(Psycopg):
    """An engine of SQLAlchemy's, whose pool is used alike.

    Args:
        dsn: libpq's connection string.
        size: how many connections its pool has.
    """

    def __init__(self, dsn: str, size: int) -> None:
        super().__init__(dsn)
        sqlalchemy: Any = importlib.import_module("sqlalchemy")
        self._engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=super().connect,
            isolation_level="AUTOCOMMIT",
            pool_size=size,
            max_overflow=0,
        )
        self.error = (sqlalchemy.exc.SQLAlchemyError, self._psycopg.Error)

    def connect(self) -> Any:
        """Take a connection."""
        return self._engine.connect()

    def execute(self, connection: Any, statement: str, *params: Any) -> None:
        """Run a statement."""
        connection.exec_driver_sql(statement, params)

    def is_closed(self, connection: Any) -> bool:
        """Return whether SQLAlchemy takes the connection for lost."""
        return bool(connection.invalidated)
