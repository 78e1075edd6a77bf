"""How the application connects: what it received is counted, and the password may change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import psycopg2

# The server says by itself which instance it is.
WRITE = "INSERT INTO writes (x) VALUES ('chaos') RETURNING current_setting('cluster_name')"


class Received:
    """How many connections the application received."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.number = 0

    def count(self, connection: Any) -> Any:
        """Count a connection, and return it."""
        with self._lock:
            self.number += 1
        return connection


class Database:
    """The cluster, as the application knows it.

    Attributes:
        password: the one in force.
        received: how many connections were received.
        pooled: a class for psycopg's connections that counts, for pools.

    Args:
        dsns: by target, without a password.
        password: at first.
    """

    def __init__(self, dsns: Mapping[str, str], password: str) -> None:
        self.password = password
        self.received = received = Received()
        self.targets = tuple(dsns)
        self._dsns = dsns
        database = self

        class Pooled(psycopg.Connection[Any]):
            @classmethod
            def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
                kwargs["password"] = database.password
                return received.count(super().connect(conninfo, **kwargs))

        self.pooled = Pooled

    def dsn(self, target: str) -> str:
        """Return the connection string of a target, without a password."""
        return self._dsns[target]

    def psycopg(self, target: str, *, autocommit: bool = False) -> Any:
        """Connect with psycopg."""
        return self.pooled.connect(self.dsn(target), autocommit=autocommit)

    def psycopg2(self, target: str, *, autocommit: bool = False) -> Any:
        """Connect with psycopg2."""
        connection = self.received.count(psycopg2.connect(self.dsn(target), password=self.password))
        connection.autocommit = autocommit
        return connection

    def by(self, driver: str) -> Callable[..., Any]:
        """Return the `connect` of a driver."""
        return {"psycopg": self.psycopg, "psycopg2": self.psycopg2}[driver]


ERRORS = {"psycopg": psycopg.Error, "psycopg2": psycopg2.Error}


def tracked(connection: Any) -> str | None:
    """Return where the agent takes a connection to lead."""
    track = getattr(connection, "_aurora_otel", None)
    return track.instance if track is not None else None
