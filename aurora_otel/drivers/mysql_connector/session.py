"""The sessions behind mysql-connector-python's two classes of connections.

`MySQLConnection` speaks the protocol itself; `CMySQLConnection` leaves that to a C library, which
does not show its socket. What is asked here passes below every patch.
"""

# ruff: noqa: SLF001 - neither class shows anything of its session

from __future__ import annotations

import contextlib
import functools
import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from mysql.connector.connection import MySQLConnection
from mysql.connector.constants import ClientFlag, ServerFlag
from mysql.connector.errors import Error
from mysql.connector.network import MySQLTCPSocket

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.deadline import deadline
from aurora_otel.drivers.common.hidden_sockets import HiddenSockets, Peer
from aurora_otel.drivers.mysql_connector.announcements import believed_within_limits
from aurora_otel.drivers.protocol import ATTRIBUTE, Rows
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime import sockets

try:
    from _mysql_connector import MySQLInterfaceError
    from mysql.connector import cursor_cext as c_cursors
    from mysql.connector.connection_cext import CMySQLConnection
except ImportError:
    # Installed without its C library, or with one that does not find its OpenSSL.
    c_cursors = CMySQLConnection = MySQLInterfaceError = None  # type: ignore[assignment,misc]

__all__ = [
    "ERRORS",
    "PURE",
    "CMySQLConnection",
    "Given",
    "c_cursors",
    "connect_again",
    "connect_straight",
    "discard",
    "given_by",
    "is_sandboxed",
    "keep_spans_apart",
    "of",
    "pure_close",
]

# Everything that either class may raise.
ERRORS = (Error,) if MySQLInterfaceError is None else (Error, MySQLInterfaceError)

# On a C connection: when its connect began, and, once that was asked for, which socket it has.
_BEGAN = f"{ATTRIBUTE}_began"
_SOCKET = f"{ATTRIBUTE}_socket"

# The attributes in which a connection keeps what was asked last, and its socket the last packet.
_NOTES = ("_columns_desc", "_query")
_PACKETS = ("_pktnr", "_compressed_pktnr")
# Taken before they are patched.
_pure_query = MySQLConnection.cmd_query
_pure_rows = MySQLConnection.get_rows
pure_close = MySQLConnection.close

_TCP = " via TCP/IP"
_hidden = HiddenSockets()


class Session(Protocol):
    """What differs between the two classes, given a connection of the one."""

    # The attributes that belong to the session that a connection has now.
    parts: tuple[str, ...]

    def connect(self, connection: Any, unix_socket: Any, connect: Callable[[], None], /) -> None:
        """Run `connect`, and note what has to be known about it."""

    def lead(self, connection: Any, to: Whereabouts) -> contextlib.AbstractContextManager[None]:
        """Have the object connect to `to` inside, while its host stays what it is."""

    def socket(self, connection: Any) -> sockets.SocketId | None:
        """Return its socket, if that is open and known."""

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver has given it up; from any thread."""

    def is_busy(self, connection: Any) -> bool:
        """Return whether a result is being read from it."""

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run one statement and leave nothing of it behind; as `Monitor.ask`."""

    def close(self, parts: dict[str, Any]) -> None:
        """Close a session that no connection has any more, given its parts."""


class Pure:
    """Of a `MySQLConnection`."""

    parts: tuple[str, ...] = ("_handshake", "_protocol", "_socket")

    def connect(self, _connection: Any, _unix_socket: Any, connect: Callable[[], None]) -> None:
        """Run `connect`."""
        connect()

    @contextlib.contextmanager
    def lead(self, connection: Any, to: Whereabouts) -> Iterator[None]:
        """Give it a socket that connects elsewhere than it says."""

        def socket_there() -> Any:
            sock = MySQLTCPSocket(*to.address, connection._force_ipv6)
            sock._address = f"{connection.server_host}:{connection.server_port}"
            sock.set_connection_timeout(connection._connection_timeout)
            return sock

        with _replaced(connection, "_get_connection", socket_there):
            yield

    def socket(self, connection: Any) -> sockets.SocketId | None:
        """Return the one that it has as an object."""
        return None if self.is_closed(connection) else sockets.identify(_fileno(connection))

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver has closed the socket."""
        return _fileno(connection) < 0

    def is_busy(self, connection: Any) -> bool:
        """Go by what the driver noted."""
        return bool(connection.unread_result or connection._have_next_result)

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run it through the connection, which notes some of it."""
        broker = getattr(connection._socket, "_netbroker", connection)
        notes, packets = _kept(connection, _NOTES), _kept(broker, _PACKETS)
        watched = deadline(self.socket(connection), timeout, Error)
        with notes, packets, watched, believed_within_limits(connection._protocol, broker):
            _pure_query(connection, statement)
            rows = _pure_rows(connection, raw=True)[0]
            if connection.in_transaction:
                # Without autocommit, a read may begin one, and the application would go on to see
                # the state of now.
                _pure_query(connection, "ROLLBACK")
        return _text(rows)

    def close(self, parts: dict[str, Any]) -> None:
        """End the session and close the socket."""
        last = MySQLConnection()
        vars(last).update(parts)
        with contextlib.suppress(Exception):
            pure_close(last)


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

        with _replaced(connection, "_open_connection", connect_there):
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
                # As above.
                session.rollback()
        session.raw(raw)
        session.buffered(buffered)
        return _text(rows)

    def close(self, parts: dict[str, Any]) -> None:
        """End the session and close the socket."""
        with contextlib.suppress(*ERRORS):
            parts["_cmysql"].close()


PURE: Session = Pure()
_C: Session = C()


def of(connection: Any) -> Session:
    """Return what is to be known of a connection's class."""
    return PURE if isinstance(connection, MySQLConnection) else _C


def is_sandboxed(connection: Any) -> bool:
    """Return whether the server may refuse everything but a new password."""
    return bool(connection._client_flags & ClientFlag.CAN_HANDLE_EXPIRED_PASSWORDS)


def keep_spans_apart(connection: Any) -> None:
    """Have the driver pass no span on to a server that does not know query attributes.

    The C class sends it all the same, and the server takes it for one of a prepared statement's
    values; the pure one warns at each call.
    """
    capabilities = (connection._handshake or {}).get("capabilities") or 0
    if not capabilities & ClientFlag.CLIENT_QUERY_ATTRIBUTES:
        connection.otel_context_propagation = False


def discard(connection: Any) -> None:
    """Close a connection's session and leave the connection without one."""
    session = of(connection)
    sockets.shut_down(session.socket(connection))
    attributes = dict(vars(connection))
    vars(connection).update(dict.fromkeys(session.parts))
    _close(session, attributes)


def connect_again(connection: Any, connect: Callable[[Any], None]) -> Any:
    """Connect the same object once more; it keeps the session that it has until that is done."""
    session = of(connection)
    before = dict(vars(connection))
    vars(connection).update(dict.fromkeys(session.parts))
    try:
        session.connect(connection, connection._unix_socket, functools.partial(connect, connection))
    except BaseException:
        vars(connection).update(before)
        raise
    _close(session, before)
    return connection


class Given(NamedTuple):
    """Where an application wants a connection to lead."""

    host: object
    port: object
    unix_socket: object


def given_by(connection: Any, kwargs: dict[str, Any]) -> Given:
    """Return where a call of `connect` with these arguments leads."""
    return Given(
        kwargs.get("host", connection._host),
        kwargs.get("port", connection._port),
        kwargs.get("unix_socket", connection._unix_socket),
    )


def connect_straight(connection: Any, connect: Callable[[], None], to: Whereabouts) -> Any:
    """As `connect_again`, to `to`."""
    with of(connection).lead(connection, to):
        return connect_again(connection, lambda _: connect())


@contextlib.contextmanager
def _replaced(connection: Any, name: str, method: Callable[[], Any]) -> Iterator[None]:
    """Have `method` stand in for one of an object."""
    vars(connection)[name] = method
    try:
        yield
    finally:
        vars(connection).pop(name, None)


def _close(session: Session, attributes: dict[str, Any]) -> None:
    """Close the session that a connection with these attributes had, if it had one."""
    parts = {name: attributes[name] for name in session.parts}
    if any(part is not None for part in parts.values()):
        session.close(parts)


@contextlib.contextmanager
def _kept(owner: Any, names: tuple[str, ...]) -> Iterator[None]:
    """Leave attributes of `owner` as they were."""
    before = {name: vars(owner)[name] for name in names if name in vars(owner)}
    yield
    vars(owner).update(before)


def _fileno(connection: Any) -> int:
    sock = getattr(connection._socket, "sock", None)
    return -1 if sock is None else int(sock.fileno())


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


def _text(rows: Any) -> Rows:
    return [[mysql_family.text(value) for value in row] for row in rows]
