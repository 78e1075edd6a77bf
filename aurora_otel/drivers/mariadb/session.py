"""mariadb's sessions below every patch: asked, opened again, known by their sockets.

Closing a connection while another thread uses it ends the process, and so may any access to its C
part while its owner closes it. Any other thread goes by what is noted here: the
connection's socket.
"""

# ruff: noqa: SLF001 - what the driver's classes over C ones need of those begins with a line

from __future__ import annotations

import sys
import traceback
from typing import Any

import mariadb
from mariadb.connections import Connection
from mariadb.constants import STATUS
from mariadb.cursors import Cursor

from aurora_otel.drivers.common import libmariadb, mysql_family
from aurora_otel.drivers.common.deadline import Meter, against_floods, deadline
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Rows
from aurora_otel.runtime import sockets

# On a connection: the session that it has.
_SOCKET = f"{ATTRIBUTE}_socket"
_SESSION = f"{ATTRIBUTE}_session"

# The parameters in their order.
POSITIONAL = ("dsn", "host", "user", "password", "database", "port", "unix_socket")
# Taken before they are patched.
_autocommit = Connection.autocommit
_execute = Cursor.execute
_fetchone = Cursor.fetchone
_reconnect = Connection.reconnect
close = mariadb._mariadb.connection.close


class Unpatched(Connection):  # type: ignore[misc]
    """A connection whose initialiser was there before our patches."""

    __init__ = Connection.__init__


def note_session(connection: Any) -> None:
    """Write down which session a connection has now; from its own thread."""
    setattr(connection, _SOCKET, sockets.identify(connection._get_socket()))
    setattr(connection, _SESSION, connection.connection_id)


def is_another_session(connection: Any) -> bool:
    """Return whether it has connected again since that was written down; from its own thread."""
    noted = vars(connection).get(_SESSION)
    if noted is None or connection._closed:
        return False
    # Each server numbers its own sessions: on another one, this may have the same number.
    return connection.connection_id != noted or bool(
        connection.auto_reconnect and not is_lost(connection) and socket_of(connection) is None
    )


def is_lost(connection: Any) -> bool:
    """Return whether the C library has given its socket up; from its own thread."""
    return bool(connection._closed) or connection._get_socket() < 0


def socket_of(connection: Any) -> sockets.SocketId | None:
    """Return its socket as long as that is open; from any thread."""
    sock: sockets.SocketId | None = vars(connection).get(_SOCKET)
    return sock if sock is not None and sockets.identify(sock.fd) == sock else None


def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run one statement and leave nothing of it behind.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
        mariadb.Error: the driver's own.
    """
    kept = connection._converter, connection._last_executed_statement
    connection._converter = cursor = None
    handled = sys.exc_info()[1]
    try:
        # Rows are read with the interpreter's lock held.
        with deadline(socket_of(connection), timeout, mariadb.Error, may_throttle=False):
            cursor = Cursor(connection, buffered=False)
            rows = _rows(connection, cursor, statement)
            if is_in_transaction(connection):
                # Without autocommit, a read may begin one, and the application would go on to see
                # the state of now.
                _execute(cursor, "ROLLBACK")
    except BaseException as error:
        cursor = None
        _release(error, handled)
        raise
    finally:
        connection._converter, connection._last_executed_statement = kept
    return [[_text(value) for value in row] for row in rows]


def _release(error: BaseException | None, handled: BaseException | None) -> None:
    """Free what the frames that `error` came through hold, a cursor among it.

    Freed later, with the error, the cursor would end the session that takes this one's place.

    Args:
        error: what was raised.
        handled: what the application was handling already; its frames stay as they are.
    """
    while error is not None and error is not handled:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _rows(connection: Any, cursor: Any, statement: str) -> list[Any]:
    """Run a statement; return its rows, read one by one.

    The driver reads rows with the interpreter's lock held: no other thread could end that.
    """
    meter, rows = Meter(socket_of(connection)), []
    try:
        with against_floods(meter.sock):
            _execute(cursor, statement)
        while (row := _fetchone(cursor)) is not None:
            rows.append(row)
            meter.check()
    except BaseException:
        # Else the cursor would read the rest, when it is closed.
        meter.stop()
        raise
    return rows


def is_in_transaction(connection: Any) -> bool:
    """Return whether the server said so last."""
    return bool(connection.server_status & STATUS.IN_TRANS)


def connect_again(connection: Any, values: dict[str, Any]) -> Any:
    """Connect the same object once more; it keeps the session that it has until that is done.

    One that went straight to the writer is initialised again: the library goes back to where it
    went.
    """
    if libmariadb.given_to(connection) is not None:
        close(connection)
        Unpatched.__init__(connection, **values)
        setattr(connection, libmariadb.GIVEN, None)
        note_session(connection)
        return connection
    _reconnect(connection)
    # The library's own reconnecting forgets what the driver sets after a connect.
    _autocommit.fset(connection, values.get("autocommit", False))
    note_session(connection)
    return connection


def _text(value: Any) -> str | None:
    return mysql_family.text(value) if isinstance(value, bytes | bytearray | None) else str(value)
