"""aiomysql's sessions below all that it keeps of a statement: asked, dropped, opened again."""
# ruff: noqa: SLF001 - the protocol itself is what is needed here, and nothing public shows it

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pymysql
from aiomysql.connection import MySQLResult
from pymysql.constants import COMMAND, SERVER_STATUS

from aurora_otel.drivers.base import second_attempt
from aurora_otel.drivers.common import async_mysql
from aurora_otel.drivers.common.async_deadline import deadline
from aurora_otel.drivers.common.async_mysql import Settings
from aurora_otel.drivers.common.mysql_family import Call
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets

# uvloop's transports raise the last one once they are closed.
ERRORS = (pymysql.Error, OSError, RuntimeError)

# How a connection was configured to connect. Not all of its attributes: an application's own could
# lead back to the connection, and keep it for ever.
_SETTINGS = (
    "_charset",
    "_client_auth_plugin",
    "_connect_attrs",
    "_encoding",
    "_host",
    "_password",
    "_port",
    "_ssl_context",
    "_unix_socket",
    "_user",
    "client_flag",
    "server_public_key",
    "use_unicode",
)


def settings_of(connection: Any) -> Settings:
    """Return how a connection was configured to connect."""
    return Settings.of(connection, _SETTINGS)


def _transport(connection: Any) -> Any:
    """Return what a connection sends by, `None` once it is closed."""
    return None if connection._writer is None else connection._writer.transport


def fileno(connection: Any) -> int:
    """Return the descriptor of a connection's socket, -1 once that is gone."""
    return async_mysql.descriptor(_transport(connection))


def is_closed(connection: Any) -> bool:
    """Return whether aiomysql has closed it."""
    return bool(connection.closed)


def is_lost(connection: Any) -> bool:
    """Return whether aiomysql has closed it, or its transport is."""
    return is_closed(connection) or bool(connection._writer.transport.is_closing())


async def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run one statement and leave the connection's state as it is.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
        Exception: the driver's own, one of `ERRORS`.
    """
    before = connection._result
    watched = deadline(sockets.identify(fileno(connection)), timeout, ERRORS)
    try:
        with async_mysql.asking(connection), watched:
            await connection._execute_command(COMMAND.COM_QUERY, statement)
            result = _TextResult(connection)
            await result.read()
            if result.status & SERVER_STATUS.SERVER_STATUS_IN_TRANS:
                # Without autocommit, a read may begin one, and the application would go on to see
                # the state of now.
                await connection._execute_command(COMMAND.COM_QUERY, "ROLLBACK")
                await connection._read_ok_packet()
    finally:
        connection._result = before
    return result.rows or ()


def drop(connection: Any) -> None:
    """Close a connection's socket, past the hook on `close`."""
    writer, connection._reader, connection._writer = connection._writer, None, None
    if writer is not None:
        writer.transport.abort()


async def connect_again(connection: Any, connect: Callable[[], Any]) -> Any:
    """Connect the same object once more; it keeps the session that it has until that is done."""
    former = _transport(connection)
    with second_attempt(connection):
        connection._reader = connection._writer = connection._result = None
        try:
            await connect()
        except BaseException:
            # aiomysql leaves its socket open where it is cancelled.
            drop(connection)
            raise
    async_mysql.end_session(former, ERRORS)
    return connection


async def connect_straight(connection: Any, call: Call, address: Address) -> Any:
    """As `connect_again`, to `address`; in all else, the host stays what the application gave."""
    straight = functools.partial(async_mysql.connect_to, connection, call.connect, address)
    return await connect_again(connection, straight)


class _TextResult(MySQLResult):  # type: ignore[misc]
    """A result whose values stay text, whatever converters the application has.

    Attributes:
        status: the server's status flags after it.
    """

    status = 0

    async def _get_descriptions(self) -> None:
        await super()._get_descriptions()
        # Latin 1 refuses nothing; what the agent asks for is ASCII.
        self.converters = [("latin-1", None)] * self.field_count

    def _check_packet_is_eof(self, packet: Any) -> bool:
        is_eof: bool = super()._check_packet_is_eof(packet)
        if is_eof:
            self.status = int.from_bytes(packet.get_all_data()[3:5], "little")
        return is_eof
