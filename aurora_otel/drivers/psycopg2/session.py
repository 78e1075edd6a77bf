"""psycopg2's sessions below its watched classes: asked within a deadline, dropped."""

from __future__ import annotations

from typing import Any

import psycopg2
from psycopg2 import extensions

from aurora_otel.drivers.common.deadline import deadline
from aurora_otel.drivers.protocol import Rows
from aurora_otel.runtime import sockets


def fileno(connection: Any) -> int:
    """Return libpq's descriptor, -1 once the connection is closed."""
    try:
        return int(connection.fileno())
    except psycopg2.Error:
        return -1


def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run a statement in autocommit, which is switched without a round trip.

    A synchronous call of psycopg2 cannot be given a deadline; the socket can.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
        psycopg2.Error: the driver's own.
    """
    # Past what the application's own class makes of it.
    switch: Any = extensions.connection.autocommit
    autocommit = switch.__get__(connection)
    switch.__set__(connection, True)  # noqa: FBT003 - a descriptor's value
    try:
        with deadline(sockets.identify(fileno(connection)), timeout, psycopg2.Error):
            cursor = extensions.cursor(connection)
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        if not connection.closed:
            switch.__set__(connection, autocommit)


def drop(connection: Any) -> None:
    """Close a connection past the hook on `close`; in its own thread, with nothing in flight."""
    extensions.connection.close(connection)
