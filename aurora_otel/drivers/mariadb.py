"""mariadb (MariaDB Connector/Python).

The hook sits in the initialiser of its Python class over a C one, through which its own pool
connects, too. The C library may connect again under the same object, by `reconnect()` or, with
`auto_reconnect`, by itself in any call: then the server's number for the session has changed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from mariadb import Error
from mariadb.connections import Connection
from mariadb.cursors import Cursor

from aurora_otel import cleanup
from aurora_otel.drivers import mariadb_session, mysql_family
from aurora_otel.drivers.patching import Patches
from aurora_otel.drivers.protocol import (
    ATTRIBUTE,
    Failure,
    Hooks,
    Login,
    Monitor,
    Opening,
    Rows,
    Traced,
    unmark,
)
from aurora_otel.drivers.watching import watch
from aurora_otel.endpoints import Address
from aurora_otel.tracker import Track

_CALLS = (
    "begin",
    "change_user",
    "commit",
    "dump_debug_info",
    "kill",
    "ping",
    "reset",
    "tpc_begin",
    "tpc_commit",
    "tpc_prepare",
)
_QUIET_CALLS = ("rollback", "tpc_rollback")
_SETTERS = ("autocommit", "database")
# An `executemany` is one of these as well, and so is a `callproc`.
_CURSOR_CALLS = ("_execute_bulk", "execute", "nextset")
_FETCHES = ("fetchall", "fetchmany", "fetchone")
_TRACED_CALLS = ("callproc", "execute", "executemany")
_SHOWN = {"database": "database", "host": "server_name", "port": "server_port", "user": "user"}
# Where a connection keeps its login, for when it connects again.
_LOGIN = f"{ATTRIBUTE}_login"


class _Parameters(NamedTuple):
    """What a connection was opened with.

    Attributes:
        values: the arguments, by name.
        in_use: whether a result of the application's may be on its way.
    """

    values: dict[str, Any]
    in_use: bool = False

    def __repr__(self) -> str:
        return "<_Parameters>"  # a secret is among them


class Adapter:
    """The `Driver` for mariadb."""

    name = "mariadb"
    system = mysql_family.SYSTEM

    def install(
        self,
        module: ModuleType,  # noqa: ARG002 - what is patched lies below it
        hooks: Hooks,
        traced: Traced | None,
    ) -> Callable[[], None]:
        """Patch the classes of connections and cursors."""
        patches = Patches()

        def initialise(
            wrapped: Callable[..., Any],
            connection: Any,
            args: tuple[Any, ...],
            kwargs: dict[str, Any],
        ) -> None:
            began = time.time_ns()
            wrapped(*args, **kwargs)
            login = Login(_Parameters(mariadb_session.by_name(args, kwargs)))
            setattr(connection, _LOGIN, login)
            self._opened(hooks, connection, began)

        patches.wrap(Connection, "__init__", initialise)
        self._watch_connection(patches, hooks)
        self._watch_cursor(patches, hooks)
        if traced is not None:
            spanned = functools.partial(traced, self.system, attributes=_SHOWN)
            for name in _TRACED_CALLS:
                patches.replace(Cursor, name, spanned(getattr(Cursor, name)))
        return patches.undo

    def _watch_connection(self, patches: Patches, hooks: Hooks) -> None:
        watched = functools.partial(watch, hooks, errors=Error)
        followed = functools.partial(self._followed, hooks, connection_of=_itself)
        for name in _CALLS:
            method = watched(getattr(Connection, name), failure_of=_failure)
            patches.replace(Connection, name, followed(method))
        for name in _QUIET_CALLS:
            method = watched(getattr(Connection, name), failure_of=_quiet_failure, may_wait=_never)
            patches.replace(Connection, name, followed(method))
        for name in _SETTERS:
            attribute = vars(Connection)[name]
            setter = followed(watched(attribute.fset, failure_of=_failure))
            patches.replace(Connection, name, attribute.setter(setter))
        patches.replace(Connection, "reconnect", self._watched_reconnect(hooks))
        patches.replace(Connection, "close", _watched_close(hooks, Connection.close))

    def _watch_cursor(self, patches: Patches, hooks: Hooks) -> None:
        watched = functools.partial(
            watch, hooks, errors=Error, failure_of=_cursor_failure, path=f"_connection.{ATTRIBUTE}"
        )
        for name in _CURSOR_CALLS:
            method = watched(getattr(Cursor, name))
            followed = self._followed(hooks, method, connection_of=_connection_of)
            patches.replace(Cursor, name, followed)
        for name in _FETCHES:
            fetch = getattr(Cursor, name)
            # Within an exchange there is nothing to look for first.
            streamed = _told_if_lost(hooks, watched(fetch, may_wait=_never))
            patches.replace(Cursor, name, _if_unbuffered(streamed, fetch))
        close = watched(Cursor.close, failure_of=_quiet_cursor_failure, may_wait=_never)
        patches.replace(Cursor, "close", close)

    def _opened(self, hooks: Hooks, connection: Any, began: int, *, in_use: bool = False) -> None:
        mariadb_session.note_session(connection)
        login: Login = getattr(connection, _LOGIN)
        again = functools.partial(
            mariadb_session.connect_again, connection, login.parameters.values
        )
        if in_use:
            login = Login(login.parameters._replace(in_use=True))
        hooks.opened(self, Opening(connection, login, again, began))

    def _followed(
        self,
        hooks: Hooks,
        method: Callable[..., Any],
        *,
        connection_of: Callable[[Any], tuple[Any, bool]],
    ) -> Callable[..., Any]:
        """Return `method` as one that notices when the connection has become another in it."""

        @functools.wraps(method)
        def call(receiver: Any, *args: Any, **kwargs: Any) -> Any:
            began = time.time_ns()
            try:
                return method(receiver, *args, **kwargs)
            finally:
                connection, in_use = connection_of(receiver)
                if mariadb_session.is_another_session(connection):
                    mysql_family.end(hooks, connection, lost=True)
                    self._opened(hooks, connection, began, in_use=in_use)

        return call

    def _watched_reconnect(self, hooks: Hooks) -> Callable[[Any], None]:
        original = Connection.reconnect

        @functools.wraps(original)
        def reconnect(connection: Any) -> None:
            began = time.time_ns()
            sock = mariadb_session.socket_of(connection)
            lost = sock is None or bool(cleanup.hung_up([(sock, sock)]))
            original(connection)
            if hasattr(connection, _LOGIN):
                mysql_family.end(hooks, connection, lost=lost)
                self._opened(hooks, connection, began)

        return reconnect

    def address(self, connection: Any) -> Address:
        """Return what the C library connected to; for a Unix socket, its path."""
        host = connection.unix_socket or connection.server_name
        return Address(host, connection.server_port or mysql_family.DEFAULT_PORT)

    def backend_id(self, connection: Any) -> str | None:
        """Return the thread id of the handshake."""
        return str(connection.connection_id)

    def fileno(self, connection: Any) -> int:
        """Return the C library's descriptor, -1 once that is closed."""
        sock = mariadb_session.socket_of(connection)
        return -1 if sock is None else sock.fd

    def askable(self, connection: Any, login: Login) -> bool:
        """Only before the application has it: a result that is on its way does not show."""
        return (
            not self.is_closed(connection)
            and not login.parameters.in_use
            and not hasattr(connection, ATTRIBUTE)
            and not mariadb_session.is_in_transaction(connection)
        )

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement with a cursor of ours."""
        return mariadb_session.ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Whether its socket is closed."""
        return mariadb_session.socket_of(connection) is None

    def discard(self, connection: Any) -> None:
        """Shut its socket down: an object that was closed cannot connect again."""
        cleanup.shut_down(mariadb_session.socket_of(connection))

    def mark(self, connection: Any, track: Track) -> None:
        """Set the attribute."""
        setattr(connection, ATTRIBUTE, track)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect with the same arguments, below every patch."""
        return mariadb_session.Monitor(login.parameters.values, address, timeout)

    def login_refused(self, error: Exception) -> bool:
        """Go by the server's error number."""
        return isinstance(error, Error) and mysql_family.login_refused(_number(error))

    def password(self, login: Login) -> str | None:
        """Return it as the application wrote it; one in an option file is not seen."""
        return login.parameters.values.get("password") or None

    def with_password(self, login: Login, password: str) -> Login:
        """Replace it."""
        values = {**login.parameters.values, "password": password}
        return Login(login.parameters._replace(values=values))


def _number(error: Any) -> int | None:
    # What the driver's Python part raises by itself has none.
    return getattr(error, "errno", None)


def _failure(connection: Any, error: Any, _: tuple[Any, ...], *, may_wait: bool = True) -> Failure:
    lost = mariadb_session.is_lost(connection)
    return mysql_family.failure(_number(error), str(error), lost=lost, may_wait=may_wait)


def _cursor_failure(
    cursor: Any, error: Any, args: tuple[Any, ...], *, may_wait: bool = True
) -> Failure:
    return _failure(cursor.connection, error, args, may_wait=may_wait)


_quiet_failure = functools.partial(_failure, may_wait=False)
_quiet_cursor_failure = functools.partial(_cursor_failure, may_wait=False)


def _never(_: tuple[Any, ...]) -> bool:
    return False


def _itself(connection: Any) -> tuple[Any, bool]:
    return connection, False


def _connection_of(cursor: Any) -> tuple[Any, bool]:
    """Return a cursor's connection, and whether a result is on its way."""
    return cursor.connection, not cursor.buffered and bool(cursor.field_count)


def _told_if_lost(hooks: Hooks, fetch: Callable[..., Any]) -> Callable[..., Any]:
    """Return `fetch` as one that tells of a loss: the driver takes it for the result's end."""

    @functools.wraps(fetch)
    def call(cursor: Any, *args: Any, **kwargs: Any) -> Any:
        rows = fetch(cursor, *args, **kwargs)
        track = getattr(cursor.connection, ATTRIBUTE, None)
        if track is not None and mariadb_session.is_lost(cursor.connection):
            hooks.failed(track, lambda: mysql_family.failure(None, "", lost=True))
        return rows

    return call


def _if_unbuffered(streamed: Callable[..., Any], fetch: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fetch)
    def call(cursor: Any, *args: Any, **kwargs: Any) -> Any:
        # A buffered cursor has all its rows already.
        return (fetch if cursor.buffered else streamed)(cursor, *args, **kwargs)

    return call


def _watched_close(hooks: Hooks, original: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(original)
    def close(connection: Any) -> None:
        try:
            original(connection)
        finally:
            track = getattr(connection, ATTRIBUTE, None)
            # A pool's connection is only returned to it.
            if track is not None and connection._closed:  # noqa: SLF001 - nothing public shows it
                hooks.closed(track)
                unmark(connection)

    return close
