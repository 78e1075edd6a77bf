"""The sessions of any PEP 249 driver, below our proxies: asked within a deadline, dropped."""

from __future__ import annotations

import contextlib
from typing import Any

from aurora_otel.drivers.common.deadline import deadline
from aurora_otel.drivers.dbapi.traits import Traits
from aurora_otel.drivers.protocol import Rows
from aurora_otel.runtime import sockets


def descriptor(connection: Any, traits: Traits) -> int:
    """Return what the driver's user finds.

    Raises:
        Exception: it is no descriptor; on an open connection, that is a mistake to be reported.
    """
    found = traits.fileno(connection)
    return int(found if isinstance(found, int) else found.fileno())


def socket_of(connection: Any, traits: Traits) -> sockets.SocketId | None:
    """Return the socket of a connection, if it is open."""
    return sockets.identify(descriptor(connection, traits))


def ask(connection: Any, statement: str, timeout: float, sock: sockets.SocketId | None) -> Rows:
    """Run a statement through a cursor, and roll back what that may have begun.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
        Exception: the driver's own.
    """
    with deadline(sock, timeout, Exception):
        cursor = connection.cursor()
        try:
            cursor.execute(statement)
            rows = cursor.fetchall()
        finally:
            cursor.close()
            connection.rollback()
    return [[_text(value) for value in row] for row in rows]


def drop(connection: Any, traits: Traits) -> None:
    """Shut a connection's socket down, so that closing it does not block, and close it."""
    with contextlib.suppress(Exception):
        sockets.shut_down(socket_of(connection, traits))
    close(connection)


def close(connection: Any) -> None:
    """Close a connection; never raises."""
    with contextlib.suppress(Exception):
        connection.close()


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
