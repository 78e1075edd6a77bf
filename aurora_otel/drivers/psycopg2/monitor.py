"""Our own connections by psycopg2: asynchronous ones, so that every step has a deadline."""

from __future__ import annotations

import contextlib
import select
import time
from typing import Any

import psycopg2
from psycopg2 import extensions

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.deadline import Meter, check_login
from aurora_otel.drivers.protocol import Monitor, Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import receiving, sockets


def connect(dsn: str, address: Address | None, timeout: float) -> Monitor:
    """Open a connection of the agent's own, below every patch.

    Args:
        dsn: an application's connection string.
        address: where to; `None`: where that leads.
        timeout: seconds.

    Raises:
        TimeoutError: it took longer.
        psycopg2.Error: the driver's own.
    """
    parameters = libpq.overrides(extensions.parse_dsn(dsn), address)
    connection = extensions.connection(extensions.make_dsn(dsn, **parameters), async_=1)
    try:
        _wait(connection, time.monotonic() + timeout)
    except BaseException:
        _close(connection)
        raise
    return SocketMonitor(connection, sockets.identify(connection.fileno()), _ask, _close)


def _ask(connection: Any, statement: str, timeout: float) -> Rows:
    until = time.monotonic() + timeout
    meter = Meter(sockets.identify(connection.fileno()))
    cursor = connection.cursor()
    cursor.execute(statement)
    # It was sent with that: a socket takes so little at once.
    state = extensions.POLL_READ
    while state != extensions.POLL_OK:
        _wait_for(connection, state, until)
        state = _read(connection, meter)
    return cursor.fetchall()  # type: ignore[no-any-return]


def _read(connection: Any, meter: Meter) -> int:
    """Read what is there: one read of libpq's has no end for as long as more comes in."""
    meter.check_before_reading_on()
    with receiving.paused(connection.fileno()):
        meter.check()
        return int(connection.poll())


def _close(connection: Any) -> None:
    with contextlib.suppress(psycopg2.Error):
        connection.close()


def _wait(connection: Any, until: float) -> None:
    while (state := connection.poll()) != extensions.POLL_OK:
        check_login(connection.fileno())
        _wait_for(connection, state, until)


def _wait_for(connection: Any, state: int, until: float) -> None:
    events = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}
    left = until - time.monotonic()
    poll = select.poll()
    poll.register(connection.fileno(), events[state])
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError
