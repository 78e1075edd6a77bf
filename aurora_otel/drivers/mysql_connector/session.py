"""The session behind a connection of either class: asked, dropped and opened again.

What is asked passes below every patch: through the connection (`pure`), or through the C library
(`c_extension`).
"""

# ruff: noqa: SLF001 - neither class shows anything of its session

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from mysql.connector.connection import MySQLConnection
from mysql.connector.constants import ClientFlag

from aurora_otel.drivers.mysql_connector.c_extension import C
from aurora_otel.drivers.mysql_connector.pure import Pure
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime import sockets


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


def _close(session: Session, attributes: dict[str, Any]) -> None:
    """Close the session that a connection with these attributes had, if it had one."""
    parts = {name: attributes[name] for name in session.parts}
    if any(part is not None for part in parts.values()):
        session.close(parts)
