"""The session of a `MySQLConnection`, which speaks the protocol itself."""

# ruff: noqa: SLF001 - the class shows nothing of its session

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from mysql.connector.connection import MySQLConnection
from mysql.connector.errors import Error
from mysql.connector.network import MySQLTCPSocket

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.connector_announcements import believed_within_limits
from aurora_otel.drivers.common.deadline import deadline
from aurora_otel.drivers.mysql_connector.attributes import kept, replaced
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime import sockets

# The attributes in which a connection keeps what was asked last, and its socket the last packet.
_NOTES = ("_columns_desc", "_query")
_PACKETS = ("_pktnr", "_compressed_pktnr")
# Taken before they are patched.
_query = MySQLConnection.cmd_query
_rows = MySQLConnection.get_rows
close = MySQLConnection.close


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

        with replaced(connection, "_get_connection", socket_there):
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
        notes, packets = kept(connection, _NOTES), kept(broker, _PACKETS)
        watched = deadline(self.socket(connection), timeout, Error)
        with notes, packets, watched, believed_within_limits(connection._protocol, broker):
            _query(connection, statement)
            rows = _rows(connection, raw=True)[0]
            if connection.in_transaction:
                # Without autocommit, a read may begin one, and the application would go on to see
                # the state of now.
                _query(connection, "ROLLBACK")
        return mysql_family.texts(rows)

    def close(self, parts: dict[str, Any]) -> None:
        """End the session and close the socket."""
        last = MySQLConnection()
        vars(last).update(parts)
        with contextlib.suppress(Exception):
            close(last)


def _fileno(connection: Any) -> int:
    sock = getattr(connection._socket, "sock", None)
    return -1 if sock is None else int(sock.fileno())
