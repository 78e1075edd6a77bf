"""The drivers for event loops under test: each on asyncio and on uvloop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiomysql
import asyncmy
import asyncpg
import mysql.connector.aio
import psycopg
import pymysql

from tests.support.drivers import awaited
from tests.support.drivers.async_calls import CALLS, COPIES
from tests.support.drivers.descriptors import (
    Descriptor,
    Place,
    _by_parameters,
    _first,
    _libpq,
    _mysql,
)
from tests.support.drivers.engines import MYSQL, POSTGRESQL


@dataclass(frozen=True)
class AsyncDescriptor(Descriptor):
    """One driver on one kind of loop.

    Attributes:
        loop: the kind of loop.
        wrapped: makes its connections speak the synchronous DB-API.
        raised: what it raises for trouble with the server or the network.
        connect_by: its coroutine function that connects.
    """

    loop: str = "asyncio"
    wrapped: Callable[[awaited.Loop, Any], awaited.Connection] = awaited.Connection
    raised: tuple[type[Exception], ...] = ()
    connect_by: Callable[..., Any] = asyncpg.connect

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Return the exceptions that it raises for trouble with the server or the network."""
        return self.raised

    def open(self, arguments: Mapping[str, Any]) -> Any:
        """Connect on the loop."""
        loop = awaited.loop(self.loop)
        return self.wrapped(loop, loop.run(self.connect_by(**arguments)))

    def outcome(self, found: Any) -> Any:
        """Await it on the loop."""
        return awaited.loop(self.loop).run(found)


def _asyncpg(place: Place) -> dict[str, Any]:
    return {**_by_parameters(place), "timeout": 60}


def _aiomysql(place: Place) -> dict[str, Any]:
    arguments = {**_by_parameters(place), "connect_timeout": 5}
    arguments["db"] = arguments.pop("database")
    return arguments


def _mysql_connector(place: Place) -> dict[str, Any]:
    # Where a server speaks no TLS, it connects with `ssl_disabled` alone.
    return {**_by_parameters(place), "connection_timeout": 5, "ssl_disabled": True}


def _on_each_loop(*args: Any, **others: Any) -> tuple[AsyncDescriptor, ...]:
    # uvloop resolves names in C, and psycopg itself in a thread.
    return tuple(
        AsyncDescriptor(
            *args,
            **others,
            variant=loop,
            loop=loop,
            takes_names=loop == "asyncio",
            reset_differs=loop == "uvloop" and MYSQL in args,
        )
        for loop in awaited.LOOPS
    )


ASYNC_DRIVERS = (
    *_on_each_loop(
        "asyncpg",
        POSTGRESQL,
        "asyncpg",
        _asyncpg,
        code=lambda error: getattr(error, "sqlstate", None),
        has_upstream=False,
        copies=COPIES["asyncpg"],
        wrapped=awaited.AsyncpgConnection,
        raised=(
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            OSError,
            # Between a server's last word and the end of its connection.
            asyncpg.InternalClientError,
            # Of uvloop's transports, where a COPY goes on sending.
            RuntimeError,
        ),
        connect_by=asyncpg.connect,
    ),
    *_on_each_loop(
        "psycopg",
        POSTGRESQL,
        "psycopg",
        _libpq,
        code=lambda error: getattr(error, "sqlstate", None),
        copies=COPIES["psycopg"],
        wrapped=awaited.PsycopgConnection,
        # The latter of a COPY, where the server's last word comes with the end of its connection.
        raised=(psycopg.Error, ValueError),
        # Looked up late: other instrumentations wrap it.
        connect_by=lambda **login: psycopg.AsyncConnection.connect(**login),  # noqa: PLW0108
    ),
    *_on_each_loop(
        "aiomysql",
        MYSQL,
        "aiomysql",
        _aiomysql,
        code=_first,
        has_upstream=False,
        calls=CALLS["aiomysql"],
        reconnects={"ping": lambda connection: connection.wait_for(connection.plain.ping)},
        wrapped=awaited.MySQLConnection,
        # uvloop's transports raise the last one once they are closed.
        raised=(pymysql.Error, RuntimeError),
        connect_by=lambda **login: aiomysql.connect(**login),  # noqa: PLW0108
    ),
    *_on_each_loop(
        "asyncmy",
        MYSQL,
        "asyncmy",
        _mysql,
        code=_first,
        has_upstream=False,
        calls=CALLS["asyncmy"],
        has_query_spans=False,
        reconnects={"ping": lambda connection: connection.wait_for(connection.plain.ping)},
        wrapped=awaited.MySQLConnection,
        raised=(asyncmy.errors.Error, RuntimeError),
        connect_by=lambda **login: asyncmy.connect(**login),  # noqa: PLW0108
    ),
    *_on_each_loop(
        "mysql-connector-aio",
        MYSQL,
        "mysql",
        _mysql_connector,
        code=lambda error: getattr(error, "errno", None),
        has_upstream=False,
        calls=CALLS["mysql-connector-aio"],
        reconnects={
            "reconnect": lambda connection: connection.wait_for(connection.plain.reconnect),
            "ping": lambda connection: connection.wait_for(connection.plain.ping, True),  # noqa: FBT003 - `reconnect`
        },
        wrapped=awaited.ConnectorConnection,
        raised=(mysql.connector.Error, OSError, RuntimeError),
        connect_by=lambda **login: mysql.connector.aio.connect(**login),  # noqa: PLW0108
    ),
)
