"""mysqlclient's sessions below its cursors and every patch: asked, closed, opened again."""

from __future__ import annotations

import contextlib
import select
import time
from typing import Any

from MySQLdb import Error, ProgrammingError, _mysql
from MySQLdb.connections import Connection

from aurora_otel.drivers.common import libmariadb, mysql_family
from aurora_otel.drivers.common.deadline import Meter, deadline
from aurora_otel.drivers.protocol import Rows
from aurora_otel.runtime import sockets

# The parameters that can be given by position without being given twice.
POSITIONAL = ("host", "user", "password", "database", "port", "unix_socket")


class Unpatched(Connection):  # type: ignore[misc]
    """A connection whose initialiser was there before our patches."""

    __init__ = Connection.__init__


def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run one statement and leave nothing of it behind.

    Raises:
        TimeoutError: it took longer than `timeout` seconds; the connection is closed.
        MySQLdb.Error: the server refused it.
        BaseException: something came in between, an interrupt perhaps; the connection is closed.
    """
    until = time.monotonic() + timeout
    try:
        with deadline(sockets.identify(connection.fileno()), timeout, Error):
            rows = _run(connection, statement, until)
            if not connection.get_autocommit():
                # The read may have begun a transaction, which mysqlclient does not show; the
                # application would go on to see the state of now.
                _run(connection, "ROLLBACK", until)
    except BaseException as error:
        refused = isinstance(error, Error) and not mysql_family.is_gone(
            mysql_family.code_of(error)[0]
        )
        if not refused:
            # What is left of the answer would be taken for that to the next statement; and of a
            # lost one, mysqlclient goes on thinking that it is open.
            close(connection)
        raise
    return mysql_family.texts(rows)


def fileno(connection: Any) -> int:
    """Return libmariadb's descriptor, -1 if it cannot be had now."""
    try:
        return int(connection.fileno())
    except Error:
        return -1


def current(connection: Any) -> object:
    """Return what distinguishes a connection's session from another one of the same object.

    The server's number alone does not: each server numbers its own sessions. `None`: it is closed.
    """
    if is_closed(connection):
        return None
    return connection.thread_id(), sockets.identify(fileno(connection))


def is_closed(connection: Any) -> bool:
    """Return whether it was closed; a lost connection is not.

    This is not read from `open`: after `ping(True)` that stays true for ever.
    """
    try:
        connection.fileno()
    except ProgrammingError:
        # A call of another thread is in flight on it: mysqlclient allows no other.
        return False
    except Error:
        return True
    return False


def close(connection: Any) -> None:
    """Close a connection past the hook on `close`, if it is open."""
    with contextlib.suppress(Error):
        _mysql.connection.close(connection)


def connect_again(connection: Any, values: dict[str, Any]) -> Any:
    """Connect the same object once more.

    It cannot have two sessions at a time. So that it is not left with none, another object connects
    first.
    """
    if not is_closed(connection):
        close(Unpatched(**values))
        close(connection)
    try:
        Unpatched.__init__(connection, **values)
    except BaseException:
        # A failed initialiser leaves it open for mysqlclient, with nothing behind it.
        close(connection)
        raise
    setattr(connection, libmariadb.GIVEN, None)
    return connection


def _run(connection: Any, statement: str, until: float) -> Any:
    meter = Meter(sockets.identify(connection.fileno()))
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    _mysql.connection.send_query(connection, statement.encode())
    # Most of the waiting is done here, where a signal can interrupt it.
    if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
        raise TimeoutError
    _mysql.connection.read_query_result(connection)
    if not connection.field_count():
        return ()
    # No converters: every value is bytes.
    return _rows(_mysql.result(connection, 1, {}), meter)


def _rows(result: Any, meter: Meter) -> list[Any]:
    """Read rows one by one: no thread has to run to end an answer of many."""
    rows: list[Any] = []
    try:
        while row := result.fetch_row(1, 0):
            rows += row
            meter.check()
    except Error:
        raise  # with which the answer ended
    except BaseException:
        # Else the result would read the rest, when it is freed.
        meter.stop()
        raise
    return rows
