"""asyncpg's sessions below its public classes: asked within a deadline, dropped, marked."""

# ruff: noqa: SLF001 - nothing public shows a session

from __future__ import annotations

import os
from typing import Any

from asyncpg import InterfaceError, InternalClientError, PostgresError, Record, protocol
from asyncpg.protocol import Protocol

from aurora_otel.drivers.common.async_deadline import deadline
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track

ERRORS = (PostgresError, InterfaceError, InternalClientError, OSError)

# On a protocol: the process that opened its connection, and where to.
_PID = "_aurora_otel_pid"
_PLACE = "_aurora_otel_place"
# Where connections show what query spans say about them.
SHOWN = {
    "database": "_params.database",
    "host": f"_protocol.{_PLACE}.host",
    "port": f"_protocol.{_PLACE}.port",
}


def mark(connection: Any, track: Track, place: Address) -> None:
    """Put `track` where calls find it: a connection itself takes no attribute."""
    vars(connection._protocol).update({ATTRIBUTE: track, _PLACE: place, _PID: os.getpid()})


def is_inherited(connection: Any) -> bool:
    """Return whether a connection was opened in the process that this one was forked from."""
    # Of one that has failed while it was made, or is closed, there is no protocol.
    pid = getattr(getattr(connection, "_protocol", None), _PID, None)
    return pid is not None and pid != os.getpid()


def fileno(connection: Any) -> int:
    """Return the socket's descriptor, -1 once the connection is closed."""
    sock = None if connection.is_closed() else connection._transport.get_extra_info("socket")
    return -1 if sock is None else int(sock.fileno())


async def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run a statement below asyncpg's own state: nothing named, no codecs of the application's.

    What it returns is cast to text. Not by COPY, which has the transport stop reading and begin
    again: what reads belongs to the context of whatever began that, for as long as it lives.
    """
    # Below the patches; and the application's `command_timeout` is not for this.
    below: Any = super(Protocol, connection._protocol)
    with deadline(sockets.identify(fileno(connection)), timeout, ERRORS):
        prepared = await below.prepare(
            "",
            statement,
            protocol.NO_TIMEOUT,
            ignore_custom_codec=True,
            record_class=Record,
        )
        prepared._init_types()
        prepared._init_codecs()
        found = await below.bind_execute(
            state=prepared,
            args=(),
            portal_name="",
            limit=0,
            return_extra=False,
            timeout=protocol.NO_TIMEOUT,
        )
    return [list(row) for row in found]


def drop(connection: Any) -> None:
    """Close the socket without waiting for anything."""
    connection.terminate()
