"""The calls that go to the network, by driver: an error in each of them is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.behaviour.sql import run
from tests.drivers.engines import WRITE


class WatchedCall(NamedTuple):
    """One call.

    Attributes:
        prepare: brings a connection to where the call can be made; returns what `act` needs.
        act: the call; the session is gone when it is made.
    """

    prepare: Callable[[Any], Any]
    act: Callable[[Any], Any]


def _in_transaction(connection: Any) -> Any:
    run(connection, WRITE)
    return connection


def _cursor(connection: Any) -> Any:
    return connection.cursor()


def _named(connection: Any) -> Any:
    cursor = connection.cursor("named")
    cursor.execute("SELECT generate_series(1, 10000)")
    cursor.fetchone()
    return cursor


def _copy(cursor: Any) -> None:
    with cursor.copy("COPY writes TO STDOUT") as rows:
        list(rows)


COMMON = {
    "execute": WatchedCall(_cursor, lambda cursor: cursor.execute("SELECT 1")),
    "executemany": WatchedCall(
        _cursor,
        lambda cursor: cursor.executemany("INSERT INTO writes (x) VALUES (%s)", [("a",), ("b",)]),
    ),
    "commit": WatchedCall(_in_transaction, lambda connection: connection.commit()),
    "rollback": WatchedCall(_in_transaction, lambda connection: connection.rollback()),
}
CALLS = {
    "psycopg": {
        **COMMON,
        "server-side cursor": WatchedCall(_named, lambda cursor: cursor.fetchall()),
        "copy": WatchedCall(_cursor, _copy),
        "stream": WatchedCall(_cursor, lambda cursor: list(cursor.stream("SELECT 1"))),
    },
    "psycopg2": {
        **COMMON,
        "server-side cursor": WatchedCall(_named, lambda cursor: cursor.fetchall()),
        "callproc": WatchedCall(_cursor, lambda cursor: cursor.callproc("pg_backend_pid")),
        "set_client_encoding": WatchedCall(
            lambda connection: connection,
            lambda connection: connection.set_client_encoding("LATIN1"),
        ),
    },
}
