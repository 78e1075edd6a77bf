"""Our own connections by PyMySQL: objects with the settings of an application's."""

# ruff: noqa: SLF001 - how a connection connects is in its private attributes

from __future__ import annotations

from typing import Any

from pymysql.connections import Connection
from pymysql.constants import CLIENT

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.protocol import Monitor
from aurora_otel.drivers.pymysql import session
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets


class _Unpatched(Connection):  # type: ignore[misc]
    """A connection whose `connect` was there before our patches."""

    connect = Connection.connect


def connect(attributes: dict[str, Any], address: Address | None, timeout: float) -> Monitor:
    """Open a connection of the agent's own, below every patch.

    Args:
        attributes: the settings of an application's connection.
        address: where to; `None`: where those lead.
        timeout: seconds, for each packet.

    Raises:
        TimeoutError: one took longer.
        pymysql.Error: the driver's own.
    """
    connection: Any = _Unpatched(
        defer_connect=True, ssl_disabled=True, autocommit=True, connect_timeout=timeout,
        read_timeout=timeout, write_timeout=timeout,
    )  # fmt: skip
    vars(connection).update(attributes)
    if address is not None:
        connection.host, connection.port = address
        connection.unix_socket = None
    connection.client_flag &= ~CLIENT.CONNECT_WITH_DB
    connection._connect_attrs = {
        **connection._connect_attrs,
        "program_name": mysql_family.PROGRAM_NAME,
    }
    with session.timeouts():
        connection.connect()
    sock = sockets.identify(session.fileno(connection))
    return SocketMonitor(connection, sock, session.ask, _close)


def _close(connection: Any) -> None:
    if connection.open:
        Connection.close(connection)
