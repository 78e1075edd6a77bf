"""The session of a `CMySQLConnection`, behind a C library that does not show its socket."""

# ruff: noqa: SLF001 - the class shows nothing of its session

from __future__ import annotations

import contextlib
import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from mysql.connector.constants import ServerFlag
from mysql.connector.errors import Error

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.deadline import deadline
from aurora_otel.drivers.common.hidden_sockets import HiddenSockets, Peer
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.mysql_connector.attributes import replaced
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime import sockets

try:
    from _mysql_connector import MySQLInterfaceError
    from mysql.connector import cursor_cext as c_cursors
    from mysql.connector.connection_cext import CMySQLConnection
except ImportError:
    # Installed without its C library, or with one that does not find its OpenSSL.
    c_cursors = CMySQLConnection = MySQLInterfaceError = None  # type: ignore[assignment,misc]

__all__ = ["ERRORS", "C", "CMySQLConnection", "c_cursors"]

# Everything that either class may raise.
ERRORS = (Error,) if MySQLInterfaceError is None else (Error, MySQLInterfaceError)

# On a C connection: when its connect began, and, once that was asked for, which socket it has.
_BEGAN = f"{ATTRIBUTE}_began"
_SOCKET = f"{ATTRIBUTE}_socket"

_TCP = " via TCP/IP"
_hidden = HiddenSockets()


class C:
    """Of a `CMySQLConnection`."""

    parts: tuple[str, ...] = ("_cmysql",)

    def connect(self, connection: Any, unix_socket: Any, connect: Callable[[], None]) -> None:
        """Run `connect`; from its beginning the socket can be found."""
        vars(connection).pop(_SOCKET, None)
        if unix_socket:
            # Of Unix sockets that lead to the same server nothing else is known.
            with contextlib.suppress(OSError):
                _hidden.note_existing()
        setattr(connection, _BEGAN, time.monotonic())
        connect()

    @contextlib.contextmanager
    def lead(self, connection: Any, to: Whereabouts) -> Iterator[None]:
        """Have the C library connect to another host than the connection has."""

        def connect_there() -> None:
            given = connection._host, connection._port
            connection._host, connection._port = to.own_name or to.address
            try:
                type(connection)._open_connection(connection)
            finally:
                connection._host, connection._port = given

        with replaced(connection, "_open_connection", connect_there):
            yield

    def socket(self, connection: Any) -> sockets.SocketId | None:
        """Find it out, once; from the connection's own thread, which must not be using it."""
        if self.is_closed(connection):
            return None
        if _SOCKET not in vars(connection):
            setattr(connection, _SOCKET, _find(connection))
        found: sockets.SocketId | None = getattr(connection, _SOCKET)
        return found if found is None or sockets.identify(found.fd) == found else None

    def is_closed(self, connection: Any) -> bool:
        """Return whether it was closed; one that was lost is not, for the driver."""
        return connection._cmysql is None or not connection._cmysql.connected()

    def is_busy(self, connection: Any) -> bool:
        """Go by what the C library and the driver know."""
        session = connection._cmysql
        return bool(session.have_result_set or session.more_results() or connection._unread_result)

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run it below the connection, which notes nothing of it."""
        session = connection._cmysql
        raw, buffered = session.raw(), session.buffered()
        with deadline(self.socket(connection), timeout, MySQLInterfaceError):
            session.query(statement.encode(), raw=True, buffered=True)
            rows = list(iter(session.fetch_row, None))
            session.free_result()
            if session.st_server_status() & ServerFlag.STATUS_IN_TRANS:
                # Without autocommit, a read may begin one: as with a `MySQLConnection`.
                session.rollback()
        session.raw(raw)
        session.buffered(buffered)
        return mysql_family.texts(rows)

    def close(self, parts: dict[str, Any]) -> None:
        """End the session and close the socket."""
        with contextlib.suppress(*ERRORS):
            parts["_cmysql"].close()


def _find(connection: Any) -> sockets.SocketId | None:
    session = connection._cmysql
    began = vars(connection).get(_BEGAN)
    if began is None:
        return None
    by_ip = session.get_host_info().endswith(_TCP)
    leads_there = _leads_to(connection._host, connection._port) if by_ip else _is_unix
    with contextlib.suppress(OSError):
        return _hidden.find(began, leads_there, session.ping)
    return None


def _is_unix(peer: Peer) -> bool:
    # One half of a pair of sockets has no name.
    return peer.family == socket.AF_UNIX and bool(peer.address.strip(b"\0"))


def _leads_to(host: str, port: int) -> Callable[[Peer], bool]:
    # A name is not resolved once more: the answer may be another one.
    try:
        wanted = ipaddress.ip_address(host)
    except ValueError:
        wanted = None

    def leads_there(peer: Peer) -> bool:
        if peer.family not in (socket.AF_INET, socket.AF_INET6) or peer.port != port:
            return False
        return wanted is None or _plain(ipaddress.ip_address(peer.address)) == _plain(wanted)

    return leads_there


def _plain(address: Any) -> Any:
    return getattr(address, "ipv4_mapped", None) or address
