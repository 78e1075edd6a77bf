"""Our own connections by mysql-connector-python, always of its class that shows its socket."""

# ruff: noqa: SLF001 - how a connection logs in is in its private attributes

from __future__ import annotations

import contextlib
from typing import Any

from mysql.connector.connection import MySQLConnection
from mysql.connector.errors import Error

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.connector_connections import LEFT_OUT
from aurora_otel.drivers.mysql_connector import pure
from aurora_otel.drivers.mysql_connector.session import PURE
from aurora_otel.drivers.protocol import Monitor
from aurora_otel.model.endpoints import Address

# The attributes that make a login, on both classes.
_LOGIN = (
    "_auth_plugin",
    "_auth_plugin_class",
    "_client_flags",
    "_conn_attrs",
    "_force_ipv6",
    "_host",
    "_krb_service_principal",
    "_oci_config_file",
    "_oci_config_profile",
    "_openid_token_file",
    "_password",
    "_password1",
    "_password2",
    "_password3",
    "_port",
    "_ssl",
    "_ssl_disabled",
    "_unix_socket",
    "_user",
    "_webauthn_callback",
)


def login_of(connection: Any) -> dict[str, Any]:
    """Return the attributes that make a connection's login."""
    return {name: value for name, value in vars(connection).items() if name in _LOGIN}


def connect(login: dict[str, Any], address: Address | None, timeout: float) -> Monitor:
    """Open a connection of the agent's own, below every patch.

    Args:
        login: the attributes of an application's connection.
        address: where to; `None`: where those lead.
        timeout: seconds for each step of connecting.

    Raises:
        TimeoutError: one took longer.
        Error: the driver's own.
    """
    connection: Any = MySQLConnection()
    vars(connection).update(login, _connection_timeout=timeout)
    connection._client_flags &= ~LEFT_OUT
    connection._conn_attrs = {**login["_conn_attrs"], "program_name": mysql_family.PROGRAM_NAME}
    if address is not None:
        connection._host, connection._port = address
        connection._unix_socket = None
    try:
        # Only what logs in: autocommit stays on, as servers have it.
        connection._open_connection()
    except Error as error:
        if _timed_out(error):
            raise TimeoutError from None
        raise
    return SocketMonitor(connection, PURE.socket(connection), PURE.ask, _close)


def _close(connection: Any) -> None:
    with contextlib.suppress(Exception):
        pure.close(connection)


def _timed_out(error: BaseException | None) -> bool:
    """Return whether it comes from a socket's time-out, which each version wraps in another way."""
    while error is not None and not isinstance(error, TimeoutError):
        error = error.__context__
    return error is not None
