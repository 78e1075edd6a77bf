"""Our own connections by mysqlclient."""

from __future__ import annotations

from typing import Any

from MySQLdb import Error

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import libmariadb
from aurora_otel.drivers.mysqlclient import session
from aurora_otel.drivers.protocol import Monitor
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets

# What an application wants of its own sessions only.
_LEFT_OUT = ("conv", "cursorclass", "database", "init_command", "local_infile", "sql_mode")


def connect(values: dict[str, Any], address: Address | None, timeout: float) -> Monitor:
    """Open a connection of the agent's own, below every patch.

    Args:
        values: the arguments of an application's connection, by name.
        address: where to; `None`: where those lead.
        timeout: seconds; libmariadb takes whole ones, so that connecting may take longer.

    Raises:
        TimeoutError: it took longer.
        MySQLdb.Error: the driver's own.
    """
    arguments = libmariadb.monitor_arguments(values, _LEFT_OUT, address, timeout)
    with libmariadb.timing_out(timeout, Error):
        connection = session.Unpatched(**arguments)
    sock = sockets.identify(connection.fileno())
    return SocketMonitor(connection, sock, session.ask, session.close)
