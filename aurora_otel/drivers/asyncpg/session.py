"""asyncpg's sessions below its public classes: asked within a deadline, dropped, marked."""

# ruff: noqa: SLF001 - nothing public shows a session

from __future__ import annotations

from typing import Any

from asyncpg import InterfaceError, InternalClientError, PostgresError, protocol
from asyncpg.protocol import Protocol

from aurora_otel.drivers.common import copy_text
from aurora_otel.drivers.common.async_deadline import deadline
from aurora_otel.drivers.protocol import ATTRIBUTE, Rows
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track

ERRORS = (PostgresError, InterfaceError, InternalClientError, OSError)


def mark(connection: Any, track: Track) -> None:
    """Put `track` where calls find it: a connection itself takes no attribute."""
    setattr(connection._protocol, ATTRIBUTE, track)


def fileno(connection: Any) -> int:
    """Return the socket's descriptor, -1 once the connection is closed."""
    sock = None if connection.is_closed() else connection._transport.get_extra_info("socket")
    return -1 if sock is None else int(sock.fileno())


async def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run a statement below asyncpg's own state: nothing prepared, no codecs, one round trip.

    By COPY, in which rows come as text. Between a statement that was prepared without a name and
    its execution it would take that away.
    """
    found: list[bytes] = []

    async def keep(data: bytes) -> None:
        found.append(data)

    # Below the patches; and the application's `command_timeout` is not for this.
    copy_out = super(Protocol, connection._protocol).copy_out
    with deadline(sockets.identify(fileno(connection)), timeout, ERRORS):
        await copy_out(f"COPY ({statement}) TO STDOUT", keep, protocol.NO_TIMEOUT)
    return copy_text.rows(b"".join(found).decode("utf-8", "replace"))


def drop(connection: Any) -> None:
    """Close the socket without waiting for anything."""
    connection.terminate()
