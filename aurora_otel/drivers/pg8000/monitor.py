"""Our own connections by pg8000: its plain initialiser, with a time-out on the socket."""

from __future__ import annotations

import inspect
from typing import Any

from pg8000 import core
from pg8000.exceptions import InterfaceError

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.pg8000 import session
from aurora_otel.drivers.protocol import Monitor
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets


def connect(arguments: dict[str, Any], address: Address | None, timeout: float) -> Monitor:
    """Open a connection of the agent's own, below every patch.

    Args:
        arguments: those of an application's connection, by parameter.
        address: where to; `None`: where those lead.
        timeout: seconds that each step may take.

    Raises:
        TimeoutError: one took longer.
        Exception: pg8000's own.
    """
    connection = object.__new__(core.CoreConnection)
    plain = inspect.unwrap(core.CoreConnection.__init__)
    try:
        plain(connection, **_overridden(arguments, address), timeout=timeout)
    except (InterfaceError, OSError) as error:
        if isinstance(error.__cause__, TimeoutError):
            raise TimeoutError from error
        raise
    sock = sockets.identify(session.fileno(connection))
    return SocketMonitor(connection, sock, session.ask, session.drop)


def _overridden(connect: dict[str, Any], address: Address | None) -> dict[str, Any]:
    """Return the arguments of a monitoring connection, all but the time-out."""
    changed: dict[str, Any] = {"application_name": libpq.APPLICATION_NAME, "replication": None}
    if started := connect.get("startup_params"):
        changed["startup_params"] = {k: v for k, v in started.items() if k not in changed}
    if address is not None:
        changed |= {"host": address.host, "port": address.port, "unix_sock": None}
    return {k: v for k, v in (connect | changed).items() if k != "timeout"}
