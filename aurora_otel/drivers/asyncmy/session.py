"""asyncmy's sessions below all that it keeps of a statement: asked, dropped, opened again."""
# ruff: noqa: SLF001 - the protocol itself is what is needed here, and nothing public shows it

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from asyncmy import errors
from asyncmy.connection import Connection, MySQLResult
from asyncmy.constants.COMMAND import COM_QUERY

from aurora_otel.drivers.base import second_attempt
from aurora_otel.drivers.common import async_mysql, mysql_family
from aurora_otel.drivers.common.async_deadline import deadline
from aurora_otel.drivers.common.async_mysql import Settings
from aurora_otel.drivers.common.mysql_family import Call
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets

# uvloop's transports raise the last one once they are closed.
ERRORS = (errors.Error, OSError, RuntimeError)

# How a connection was configured to connect. Not all of its attributes: an application's own could
# lead back to the connection, and keep it for ever.
_SETTINGS = (
    "_auth_plugin_map",
    "_charset",
    "_client_flag",
    "_connect_attrs",
    "_encoding",
    "_host",
    "_password",
    "_port",
    "_server_public_key",
    "_ssl_context",
    "_unix_socket",
    "_use_unicode",
    "_user",
)
# What connecting changes and what is no entry in the dictionary of an object: attributes in C.
_IN_C = tuple(
    name
    for owner in Connection.__mro__[1:-1]
    for name, value in vars(owner).items()
    if hasattr(value, "__set__") and not name.startswith("__")
)


def settings_of(connection: Any) -> Settings:
    """Return how a connection was configured to connect."""
    return Settings.of(connection, _SETTINGS)


def _transport(connection: Any) -> Any:
    """Return what a connection sends by, `None` once it is closed; up to 0.2.12, of its stream."""
    if hasattr(connection, "_transport"):
        return connection._transport
    return getattr(connection._writer, "transport", None)


def fileno(connection: Any) -> int:
    """Return the descriptor of a connection's socket, -1 once that is gone."""
    return async_mysql.descriptor(_transport(connection))


def is_closed(connection: Any) -> bool:
    """Return whether asyncmy takes it for closed."""
    return not connection.connected


def is_lost(connection: Any) -> bool:
    """Return whether asyncmy takes it for closed, or its stream is at its end."""
    transport = _transport(connection)
    return is_closed(connection) or transport is None or bool(transport.is_closing())


async def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run one statement and leave the connection's state as it is.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
        Exception: the driver's own, one of `ERRORS`.
    """
    before = connection._result
    watched = deadline(sockets.identify(fileno(connection)), timeout, ERRORS)
    try:
        with async_mysql.asking(connection), watched, _as_text(connection):
            await connection._execute_command(COM_QUERY, statement)
            result: Any = MySQLResult(connection)
            await result.read()
            if result.server_status & mysql_family.IN_TRANSACTION or not (
                result.server_status or connection.get_autocommit()
            ):
                # Without autocommit, a read may begin one, and the application would go on to see
                # the state of now. Not every server says so.
                await connection._execute_command(COM_QUERY, "ROLLBACK")
                await connection._read_ok_packet()
    except asyncio.CancelledError:
        # Up to 0.2.11, the next call would get the answer to this one.
        drop(connection)
        raise
    finally:
        connection._result = before
    return result.rows or ()


@contextlib.contextmanager
def _as_text(connection: Any) -> Iterator[None]:
    """Have values stay text, whatever converters the application has."""
    before = connection._decoders, connection._use_unicode
    connection._decoders, connection._use_unicode = {}, True
    try:
        yield
    finally:
        connection._decoders, connection._use_unicode = before


def drop(connection: Any) -> None:
    """Close a connection's socket, past the hook on `close`."""
    transport = _transport(connection)
    _detach(connection)
    if transport is not None:
        transport.abort()


def _detach(connection: Any) -> None:
    """Leave a connection without a session."""
    for name in ("_transport", "_proto", "_reader", "_writer", "_result"):
        if hasattr(connection, name):
            setattr(connection, name, None)
    connection._connected = False
    # The statements that are prepared are the session's.
    connection._stmt_cache = {}


async def connect_again(connection: Any, connect: Callable[[], Any]) -> Any:
    """Connect the same object once more; it keeps the session that it has until that is done."""
    in_c = {name: getattr(connection, name) for name in _IN_C}
    former = _transport(connection)
    with second_attempt(connection):
        try:
            _detach(connection)
            await connect()
        except BaseException:
            drop(connection)
            for name, value in in_c.items():
                setattr(connection, name, value)
            raise
    async_mysql.end_session(former, ERRORS)
    return connection


async def connect_straight(connection: Any, call: Call, address: Address) -> Any:
    """As `connect_again`, to `address`; in all else, the host stays what the application gave."""
    straight = functools.partial(async_mysql.connect_to, connection, call.connect, address)
    return await connect_again(connection, straight)
