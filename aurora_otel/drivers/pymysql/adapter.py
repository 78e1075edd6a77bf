"""PyMySQL.

`Connection.connect` is what connects and what connects again, `ping(reconnect=True)` included; it
lies below the module's `connect`, which other instrumentations wrap. Above the driver's packets,
each call passes one of the methods that are watched here.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import pymysql
from pymysql.connections import Connection, MySQLResult
from pymysql.constants import COMMAND, SERVER_STATUS

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import never, watch, watch_close
from aurora_otel.drivers.protocol import (
    ATTRIBUTE,
    Failure,
    Hooks,
    Login,
    LoginFailure,
    Monitor,
    Opening,
    Rows,
    Traced,
    report_opened,
)
from aurora_otel.drivers.pymysql import session
from aurora_otel.model.endpoints import Address
from aurora_otel.tracking.track import Track

_SHOWN = {"database": "db", "host": "host", "port": "port", "user": "user"}
# How a connection was told to connect. Not all of its attributes: an application's own could lead
# back to the connection, and keep it for ever.
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


class _Settings(NamedTuple):  # noqa: PLW1641 - there is a dict in it
    """How a connection was told to connect.

    Attributes:
        attributes: the attributes of its object.
        given: whether it was given a socket that is connected already.
    """

    attributes: dict[str, Any]
    given: bool = False

    def __repr__(self) -> str:
        return "<_Settings>"  # a secret is among them

    def __eq__(self, other: object) -> bool:
        """Whether both connect alike: each connection has a TLS context of its own."""
        if not isinstance(other, _Settings):
            return NotImplemented
        return {**self.attributes, "ctx": None} == {**other.attributes, "ctx": None}


class Adapter:
    """The `Driver` for PyMySQL."""

    name = "pymysql"
    system = mysql_family.SYSTEM

    def install(
        self, module: ModuleType, hooks: Hooks, traced: Traced | None
    ) -> Callable[[], None]:
        """Patch `pymysql.connections.Connection`; for query spans also the cursors."""
        patches = Patches()

        def connect(
            wrapped: Callable[..., Any],
            connection: Any,
            args: tuple[Any, ...],
            kwargs: dict[str, Any],
        ) -> None:
            began = time.time_ns()
            # A ping finds a connection lost, and keeps the error to itself.
            lost = bool(hooks.guarded(self.is_closed, connection))
            mysql_family.end(hooks, connection, lost=lost)
            wrapped(*args, **kwargs)
            given = (*args, kwargs.get("sock"))[0] is not None
            report_opened(hooks, self, _opening, connection, wrapped, given, began)

        patches.wrap(Connection, "connect", connect)
        for owner, names, how in _WATCHED:
            for name in names:
                method = watch(hooks, getattr(owner, name), errors=pymysql.Error, **how)
                patches.replace(owner, name, method)
        patches.replace(Connection, "close", watch_close(hooks, Connection.close, self.is_closed))
        if traced is not None:
            mysql_family.trace(patches, module.cursors.Cursor, traced, _SHOWN)
        return patches.undo

    def address(self, connection: Any) -> Address:
        """Return what it was told to connect to; for a Unix socket, its path."""
        return Address(connection.unix_socket or connection.host, connection.port)

    def backend_id(self, connection: Any) -> str | None:
        """Return the thread id of the handshake."""
        return str(connection.thread_id())

    def fileno(self, connection: Any) -> int:
        """Return the descriptor of its socket, -1 once that is gone."""
        return session.fileno(connection)

    def askable(self, connection: Any, login: Login) -> bool:
        """Not in a transaction, not inside a result, and not on a socket of the application's.

        Without autocommit a read may have begun a transaction, which PyMySQL does not notice.
        """
        result = connection._result  # noqa: SLF001 - nothing public shows it
        return (
            not self.is_closed(connection)
            and not login.parameters.given
            and (connection.get_autocommit() or not hasattr(connection, ATTRIBUTE))
            and not connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS
            and (result is None or not (result.unbuffered_active or result.has_next))
        )

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement below the cursors: nothing of it stays in the connection's state."""
        return session.ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Whether PyMySQL has given its socket up."""
        return not connection.open

    def discard(self, connection: Any) -> None:
        """Close its socket."""
        connection._force_close()  # noqa: SLF001 - as above

    def mark(self, connection: Any, track: Track) -> None:
        """Set the attribute."""
        setattr(connection, ATTRIBUTE, track)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect an object with the same attributes, below every patch."""
        return session.Monitor(login.parameters.attributes, address, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the server's error number."""
        if not isinstance(error, pymysql.Error):
            return None
        return mysql_family.login_failure(*mysql_family.code_of(error))

    def password(self, login: Login) -> str | None:
        """Return it as the application wrote it."""
        return login.parameters.attributes["password"].decode("latin-1") or None

    def with_password(self, login: Login, password: str) -> Login:
        """Replace it as PyMySQL keeps it."""
        attributes = {**login.parameters.attributes, "password": password.encode("latin-1")}
        return Login(login.parameters._replace(attributes=attributes))


def _opening(connection: Any, connect: Callable[[], None], given: bool, began: int) -> Opening:  # noqa: FBT001 - passed through
    again = functools.partial(_connect_again, connection, connect)
    return Opening(connection, Login(_Settings(_settings(connection), given)), again, began)


def _settings(connection: Any) -> dict[str, Any]:
    attributes = vars(connection)
    return {name: attributes[name] for name in _SETTINGS if name in attributes}


def _connect_again(connection: Any, connect: Callable[[], None]) -> Any:
    """Connect the same object once more; it keeps the session that it has until that is done."""
    before = dict(vars(connection))
    connection._sock = connection._rfile = connection._result = None  # noqa: SLF001 - as above
    try:
        connect()
    except BaseException:
        vars(connection).update(before)
        raise
    if (sock := before["_sock"]) is not None:
        with contextlib.suppress(OSError), sock, before["_rfile"]:
            sock.sendall(_QUIT)
    return connection


def _failure(connection: Any, error: Any, _: tuple[Any, ...], *, may_wait: bool = True) -> Failure:
    errno, message = mysql_family.code_of(error)
    return mysql_family.failure(errno, message, lost=not connection.open, may_wait=may_wait)


def _result_failure(
    result: Any, error: Any, args: tuple[Any, ...], *, may_wait: bool = True
) -> Failure:
    return _failure(result.connection, error, args, may_wait=may_wait)


_quiet_failure = functools.partial(_failure, may_wait=False)
_quiet_result_failure = functools.partial(_result_failure, may_wait=False)
_ON_CONNECTION: dict[str, Any] = {"failure_of": _failure}
_ON_RESULT: dict[str, Any] = {"failure_of": _result_failure, "path": f"connection.{ATTRIBUTE}"}
_QUIET: dict[str, Any] = {"failure_of": _quiet_failure, "may_wait": never}
# Whose methods go to the network, which, and how they are watched.
_WATCHED = (
    (
        Connection,
        (
            "_send_autocommit_mode",
            "begin",
            "commit",
            "kill",
            "ping",
            "query",
            "select_db",
            "set_character_set",
            "show_warnings",
        ),
        _ON_CONNECTION,
    ),
    (Connection, ("rollback",), _QUIET),
    # Within an exchange there is nothing to look for first.
    (Connection, ("next_result",), _ON_CONNECTION | {"may_wait": never}),
    (MySQLResult, ("_read_rowdata_packet_unbuffered",), _ON_RESULT | {"may_wait": never}),
    # Also runs when a result or a cursor is garbage collected, inside anything.
    (
        MySQLResult,
        ("_finish_unbuffered_query",),
        _ON_RESULT | _QUIET | {"failure_of": _quiet_result_failure},
    ),
)
