"""Our own connections by mysql-connector-python, always of its class that shows its socket."""

# ruff: noqa: SLF001 - how a connection was told to log in is in its private attributes

from __future__ import annotations

import contextlib
from typing import Any

from mysql.connector.connection import MySQLConnection
from mysql.connector.constants import ClientFlag
from mysql.connector.errors import Error

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.mysql_connector.session import PURE, pure_close
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets

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
# What an application wants of its own sessions only.
_NOT_OURS = (
    ClientFlag.CONNECT_WITH_DB | ClientFlag.CAN_HANDLE_EXPIRED_PASSWORDS | ClientFlag.COMPRESS
)


def login_of(connection: Any) -> dict[str, Any]:
    """Return the attributes that make a connection's login."""
    return {name: value for name, value in vars(connection).items() if name in _LOGIN}


class Monitor:
    """The `Monitor` for mysql-connector-python.

    Args:
        login: the attributes of an application's connection.
        address: where to; `None`: where those lead.
        timeout: seconds for each step of connecting.
    """

    def __init__(self, login: dict[str, Any], address: Address | None, timeout: float) -> None:
        self._connection: Any = MySQLConnection()
        vars(self._connection).update(login, _connection_timeout=timeout)
        self._connection._client_flags &= ~_NOT_OURS
        self._connection._conn_attrs = {
            **login["_conn_attrs"],
            "program_name": mysql_family.PROGRAM_NAME,
        }
        if address is not None:
            self._connection._host, self._connection._port = address
            self._connection._unix_socket = None
        try:
            # Only what logs in: autocommit stays on, as servers have it.
            self._connection._open_connection()
        except Error as error:
            if _timed_out(error):
                raise TimeoutError from None
            raise
        self._socket = PURE.socket(self._connection)

    def ask(self, statement: str, timeout: float) -> Rows:
        """Run one statement."""
        return PURE.ask(self._connection, statement, timeout)

    def close(self) -> None:
        """Say farewell and close the socket."""
        with contextlib.suppress(Exception):
            pure_close(self._connection)

    def abort(self) -> None:
        """Shut the socket down."""
        sockets.shut_down(self._socket)


def _timed_out(error: BaseException | None) -> bool:
    """Whether it comes from a socket's time-out, which each version wraps in another way."""
    while error is not None and not isinstance(error, TimeoutError):
        error = error.__context__
    return error is not None
