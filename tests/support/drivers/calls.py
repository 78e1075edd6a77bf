"""The calls that go to the network, by driver: an error in each of them is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import MySQLdb.cursors
import pymysql

from tests.support.drivers.engines import WRITE
from tests.support.sql import run


class WatchedCall(NamedTuple):
    """One call.

    Attributes:
        prepare: brings a connection to where the call can be made; returns what `act` needs.
        act: the call; the session is gone when it is made.
        is_silent: whether the driver keeps that to itself.
    """

    prepare: Callable[[Any], Any]
    act: Callable[[Any], Any]
    is_silent: bool = False


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


_MANY_ROWS = "SELECT REPEAT('x', 1000) FROM seq_1_to_50000"


def _streamed(*args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """Return what opens a cursor whose rows are still on their way."""

    def prepare(connection: Any) -> Any:
        cursor = connection.cursor(*args, **kwargs)
        cursor.execute(_MANY_ROWS)
        cursor.fetchone()
        return cursor

    return prepare


def _itself(connection: Any) -> Any:
    return connection


def _fetch(cursor: Any) -> None:
    cursor.fetchall()


def _prepared_cursor(connection: Any) -> Any:
    return connection.cursor(prepared=True)


def _prepared(connection: Any) -> Any:
    """Prepare and execute once: the next execution goes to the network by another way."""
    cursor = _prepared_cursor(connection)
    cursor.execute("SELECT ?", (1,))
    cursor.fetchall()
    return cursor


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
        "server-side cursor": WatchedCall(_named, _fetch),
        "copy": WatchedCall(_cursor, _copy),
        "stream": WatchedCall(_cursor, lambda cursor: list(cursor.stream("SELECT 1"))),
    },
    "psycopg2": {
        **COMMON,
        "server-side cursor": WatchedCall(_named, _fetch),
        "callproc": WatchedCall(_cursor, lambda cursor: cursor.callproc("pg_backend_pid")),
        "set_client_encoding": WatchedCall(
            _itself, lambda connection: connection.set_client_encoding("LATIN1")
        ),
    },
    "pg8000": {
        **COMMON,
        "callproc": WatchedCall(_cursor, lambda cursor: cursor.callproc("pg_backend_pid")),
    },
    "pymysql": {
        **COMMON,
        "autocommit": WatchedCall(_itself, lambda connection: connection.autocommit(value=True)),
        "begin": WatchedCall(_itself, lambda connection: connection.begin()),
        "callproc": WatchedCall(_cursor, lambda cursor: cursor.callproc("unknown")),
        "ping": WatchedCall(_itself, lambda connection: connection.ping(reconnect=False)),
        "select_db": WatchedCall(_itself, lambda connection: connection.select_db("app")),
        "server-side cursor": WatchedCall(_streamed(pymysql.cursors.SSCursor), _fetch),
    },
    "mysqlclient": {
        **COMMON,
        "autocommit": WatchedCall(_itself, lambda connection: connection.autocommit(on=True)),
        "begin": WatchedCall(_itself, lambda connection: connection.begin()),
        "callproc": WatchedCall(_cursor, lambda cursor: cursor.callproc("unknown")),
        "ping": WatchedCall(_itself, lambda connection: connection.ping()),
        "select_db": WatchedCall(_itself, lambda connection: connection.select_db("app")),
        "server-side cursor": WatchedCall(_streamed(MySQLdb.cursors.SSCursor), _fetch),
    },
    "mysql-connector": {
        **COMMON,
        "autocommit": WatchedCall(
            _itself, lambda connection: setattr(connection, "autocommit", True)
        ),
        "callproc": WatchedCall(_cursor, lambda cursor: cursor.callproc("unknown")),
        "start_transaction": WatchedCall(
            _itself, lambda connection: connection.start_transaction()
        ),
        "prepare": WatchedCall(_prepared_cursor, lambda cursor: cursor.execute("SELECT ?", (1,))),
        "prepared": WatchedCall(_prepared, lambda cursor: cursor.execute("SELECT ?", (2,))),
        "reading on": WatchedCall(_streamed(buffered=False), _fetch),
        "reset_session": WatchedCall(_itself, lambda connection: connection.cmd_reset_connection()),
    },
    "mariadb": {
        **COMMON,
        "autocommit": WatchedCall(
            _itself, lambda connection: setattr(connection, "autocommit", True)
        ),
        "begin": WatchedCall(_itself, lambda connection: connection.begin()),
        "callproc": WatchedCall(_cursor, lambda cursor: cursor.callproc("unknown")),
        "change_user": WatchedCall(
            _itself, lambda connection: connection.change_user("app", "", "app")
        ),
        "ping": WatchedCall(_itself, lambda connection: connection.ping()),
        "prepared": WatchedCall(_prepared, lambda cursor: cursor.execute("SELECT ?", (2,))),
        # Not "reading on": the driver reads with the interpreter's lock held, and so would wait for
        # ever for a gateway in the same process. Its own tests read from a server itself.
        "select_db": WatchedCall(_itself, lambda connection: connection.select_db("app")),
    },
}
# Neither the setter nor the reset checks what the C library returns.
CALLS["mysql-connector-C"] = CALLS["mysql-connector"] | {
    name: CALLS["mysql-connector"][name]._replace(is_silent=True)
    for name in ("autocommit", "reset_session")
}
