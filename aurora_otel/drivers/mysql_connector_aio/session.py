"""The sessions of `mysql.connector.aio`, below every patch: asked, dropped, opened again."""
# ruff: noqa: SLF001 - nothing public shows a session

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from mysql.connector.aio.connection import MySQLConnection
from mysql.connector.errors import Error

from aurora_otel.drivers.base import second_attempt
from aurora_otel.drivers.common import async_mysql, mysql_family
from aurora_otel.drivers.common.async_deadline import deadline
from aurora_otel.drivers.common.async_mysql import Settings
from aurora_otel.drivers.common.connector_announcements import believed_within_limits
from aurora_otel.drivers.common.mysql_family import Call
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets

# uvloop's transports raise the last one once they are closed.
ERRORS = (Error, OSError, RuntimeError)

# How a connection was configured to connect. Not all of its attributes: an application's own could
# lead back to the connection, and keep it for ever.
_SETTINGS = (
    "_auth_plugin",
    "_auth_plugin_class",
    "_client_flags",
    "_connection_attrs",
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
    "_ssl_ca",
    "_ssl_cert",
    "_ssl_disabled",
    "_ssl_key",
    "_ssl_verify_cert",
    "_ssl_verify_identity",
    "_tls_ciphersuites",
    "_tls_versions",
    "_unix_socket",
    "_user",
    "_webauthn_callback",
)
# What a connection keeps of what was asked last.
_NOTES = ("_columns_desc", "_query")
# Taken before they are patched.
_query = MySQLConnection.cmd_query
_rows = MySQLConnection.get_rows


def settings_of(connection: Any) -> Settings:
    """Return how a connection was configured to connect."""
    return Settings.of(connection, _SETTINGS)


def _transport(connection: Any) -> Any:
    """Return what a connection sends by, `None` if it has no session."""
    sock = connection._socket
    return None if sock is None or sock._writer is None else sock._writer.transport


def fileno(connection: Any) -> int:
    """Return the descriptor of a connection's socket, -1 once that is gone."""
    return async_mysql.descriptor(_transport(connection))


def is_closed(connection: Any) -> bool:
    """Return whether it was closed; a lost one is not, for the driver."""
    return not connection.is_socket_connected()


def is_lost(connection: Any) -> bool:
    """Return whether it was closed, or its transport is."""
    transport = _transport(connection)
    return is_closed(connection) or transport is None or bool(transport.is_closing())


async def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run one statement and leave the connection's state as it is.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
        Exception: the driver's own, one of `ERRORS`.
    """
    # Older versions keep less.
    before = {name: vars(connection)[name] for name in _NOTES if name in vars(connection)}
    try:
        watched = deadline(sockets.identify(fileno(connection)), timeout, ERRORS)
        broker = connection._socket._netbroker
        with (
            async_mysql.asking(connection),
            watched,
            believed_within_limits(connection._protocol, broker),
        ):
            await _query(connection, statement)
            rows, _ = await _rows(connection, raw=True)
            if connection.in_transaction:
                # Without autocommit, a read may begin one, and the application would go on to see
                # the state of now.
                await _query(connection, "ROLLBACK")
    except asyncio.CancelledError:
        # The next call would get the answer to this one.
        drop(connection)
        raise
    finally:
        vars(connection).update(before)
    return mysql_family.texts(rows)


def drop(connection: Any) -> None:
    """Close a connection's socket, past the hooks on `close`."""
    transport, connection._socket = _transport(connection), None
    if transport is not None:
        transport.abort()


async def connect_again(connection: Any, connect: Callable[[], Any]) -> Any:
    """Connect the same object once more; it keeps the session that it has until that is done."""
    former = _transport(connection)
    with second_attempt(connection):
        connection._socket = connection._handshake = None
        try:
            await connect()
        except BaseException:
            # The driver leaves its socket open where it is cancelled.
            drop(connection)
            raise
    async_mysql.end_session(former, ERRORS)
    return connection


async def connect_straight(connection: Any, call: Call, address: Address) -> Any:
    """As `connect_again`, to `address`; in all else, the host stays what the application gave."""
    straight = functools.partial(
        async_mysql.connect_to, connection, call.connect, address, first="_do_handshake"
    )
    await connect_again(connection, straight)
    # It is what errors show.
    connection._socket._address = f"{connection._host}:{connection._port}"
    return connection
