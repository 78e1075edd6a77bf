"""PyMySQL's sessions below all that it keeps of a statement: asked, dropped, opened again."""
# ruff: noqa: SLF001 - the protocol itself is what is needed here, and nothing public shows it

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pymysql
from pymysql.connections import MySQLResult
from pymysql.constants import COMMAND, SERVER_STATUS

from aurora_otel.drivers.base import second_attempt
from aurora_otel.drivers.common.bounded import BoundedStream
from aurora_otel.drivers.common.deadline import deadline
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets

# How a connection was configured to connect. Not all of its attributes: an application's own could
# lead back to the connection, and keep it for ever.
_SETTINGS = (
    "_auth_plugin_map",
    "_connect_attrs",
    "_ssl_required",
    "bind_address",
    "charset",
    "client_flag",
    "collation",
    "ctx",
    "encoding",
    "host",
    "password",
    "port",
    "server_public_key",
    "ssl",
    "unix_socket",
    "user",
)
_QUIT = b"\x01\x00\x00\x00" + bytes([COMMAND.COM_QUIT])


class Settings(NamedTuple):  # noqa: PLW1641 - there is a dict in it
    """How a connection was configured to connect.

    Attributes:
        attributes: the attributes of its object.
        given: whether it was given a socket that is connected already.
    """

    attributes: dict[str, Any]
    given: bool = False

    def __repr__(self) -> str:
        return "<Settings>"  # a secret is among them

    def __eq__(self, other: object) -> bool:
        """Return whether both connect alike: each connection has a TLS context of its own."""
        if not isinstance(other, Settings):
            return NotImplemented
        return {**self.attributes, "ctx": None} == {**other.attributes, "ctx": None}


def settings_of(connection: Any) -> dict[str, Any]:
    """Return the attributes that say how a connection was configured to connect."""
    attributes = vars(connection)
    return {name: attributes[name] for name in _SETTINGS if name in attributes}


def fileno(connection: Any) -> int:
    """Return the descriptor of a connection's socket, -1 once that is gone."""
    sock = connection._sock
    return -1 if sock is None else int(sock.fileno())


def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run one statement and leave the connection's state as it is.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
        pymysql.Error: the driver's own.
    """
    # The driver's own limit is for each packet of an answer, which may have no end.
    sock = sockets.identify(fileno(connection))
    limits = deadline(sock, timeout, pymysql.Error)
    with _time_limit(connection, timeout), limits, _byte_limit(connection):
        connection._execute_command(COMMAND.COM_QUERY, statement)
        result = _TextResult(connection)
        result.read()
        if result.status & SERVER_STATUS.SERVER_STATUS_IN_TRANS:
            # Without autocommit, a read may begin one, and the application would go on to see the
            # state of now.
            connection._execute_command(COMMAND.COM_QUERY, "ROLLBACK")
            connection._read_ok_packet()
    return result.rows or ()


def is_closed(connection: Any) -> bool:
    """Return whether PyMySQL has given its socket up."""
    return not connection.open


def drop(connection: Any) -> None:
    """Close a connection's socket, past the hook on `close`."""
    connection._force_close()


def connect_again(connection: Any, connect: Callable[[], None]) -> Any:
    """Connect the same object once more; it keeps the session that it has until that is done."""
    with second_attempt(connection) as before:
        connection._sock = connection._rfile = connection._result = None
        connect()
    # Neither is there before the first connect.
    sock, file = before.get("_sock"), before.get("_rfile")
    if sock is not None and file is not None:
        with contextlib.suppress(OSError), sock, file:
            sock.sendall(_QUIT)
    return connection


def connect_straight(
    connection: Any, connect: Callable[[socket.socket], None], address: Address
) -> Any:
    """As `connect_again`, to `address`; in all else, the host stays what the application gave.

    Raises:
        OSError: no connection.
        pymysql.Error: the driver's own.
    """
    source = (connection.bind_address, 0) if connection.bind_address is not None else None
    sock = socket.create_connection(address, connection.connect_timeout, source)
    with contextlib.ExitStack() as failing:
        failing.callback(sock.close)
        # As PyMySQL does with its own.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connect_again(connection, functools.partial(connect, sock))
        failing.pop_all()
    connection.host_info = f"socket {connection.host}:{connection.port}"
    return connection


class _TextResult(MySQLResult):  # type: ignore[misc]
    """A result whose values stay text, whatever converters the application has.

    Attributes:
        status: the server's status flags after it.
    """

    status = 0

    def _get_descriptions(self) -> None:
        super()._get_descriptions()
        # Latin 1 refuses nothing; what the agent asks for is ASCII.
        self.converters = [("latin-1", None)] * self.field_count

    def _check_packet_is_eof(self, packet: Any) -> bool:
        is_eof: bool = super()._check_packet_is_eof(packet)
        if is_eof:
            self.status = int.from_bytes(packet.get_all_data()[3:5], "little")
        return is_eof


@contextlib.contextmanager
def _time_limit(connection: Any, timeout: float) -> Iterator[None]:
    before = connection._read_timeout
    connection._read_timeout = timeout
    try:
        with timeouts():
            yield
    finally:
        connection._read_timeout = before


@contextlib.contextmanager
def _byte_limit(connection: Any) -> Iterator[None]:
    before = connection._rfile
    try:
        connection._rfile = BoundedStream(before)
        yield
    finally:
        # PyMySQL forgets it where the connection is gone.
        if connection._rfile is not None:
            connection._rfile = before


@contextlib.contextmanager
def timeouts() -> Iterator[None]:
    """Make a socket's time-out, which PyMySQL shows as a lost connection, one again.

    Raises:
        TimeoutError: the block met one.
    """
    try:
        yield
    except pymysql.Error as error:
        if isinstance(error.__context__, TimeoutError):
            raise TimeoutError from None
        raise
