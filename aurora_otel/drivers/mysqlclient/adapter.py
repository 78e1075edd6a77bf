"""mysqlclient (`MySQLdb`).

The hook sits in the initialiser of its Python class over a C one, below the module's `connect`,
which other instrumentations wrap. An object that was closed can be initialised anew: that is how
a connection is replaced under the same object.
"""

from __future__ import annotations

import functools
import time
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

from MySQLdb import Error, _mysql
from MySQLdb.connections import Connection
from MySQLdb.cursors import BaseCursor, CursorUseResultMixIn

from aurora_otel.drivers.common import libmariadb, mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import never, watch, watch_close
from aurora_otel.drivers.mysqlclient import session
from aurora_otel.drivers.protocol import (
    ATTRIBUTE,
    Failure,
    Hooks,
    Login,
    LoginFailure,
    Monitor,
    Rows,
    Traced,
    report_opened,
)
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track

_SHOWN = {"database": "database", "host": "host", "port": "port", "user": "user"}
_TCP = " via TCP/IP"


class Adapter:
    """The `Driver` for mysqlclient."""

    name = "mysqlclient"
    system = mysql_family.SYSTEM

    def install(
        self,
        module: ModuleType,  # noqa: ARG002 - what is patched lies below it
        hooks: Hooks,
        traced: Traced | None,
    ) -> Callable[[], None]:
        """Patch `MySQLdb.connections.Connection`; for query spans also the cursors."""
        patches = Patches()

        def initialise(
            wrapped: Callable[..., Any],
            connection: Any,
            args: tuple[Any, ...],
            kwargs: dict[str, Any],
        ) -> None:
            began = time.time_ns()
            mysql_family.end(hooks, connection, lost=False)
            wrapped(*args, **kwargs)
            libmariadb.keep_login(hooks, connection, session.POSITIONAL, args, kwargs)
            self._opened(hooks, connection, began)

        patches.wrap(Connection, "__init__", initialise)
        for names, how in _WATCHED:
            for name in names:
                method = watch(hooks, getattr(Connection, name), errors=Error, **how)
                patches.replace(Connection, name, method)
        for name in _WATCHED_OF_CURSORS:
            method = watch(hooks, getattr(BaseCursor, name), errors=Error, **_ON_CURSOR)
            patches.replace(CursorUseResultMixIn, name, method)
        patches.replace(Connection, "ping", self._watched_ping(hooks))
        patches.replace(Connection, "close", watch_close(hooks, Connection.close, self.is_closed))
        if traced is not None:
            mysql_family.trace(patches, BaseCursor, traced, _SHOWN)
        return patches.undo

    def _opened(self, hooks: Hooks, connection: Any, began: int, *, in_use: bool = False) -> None:
        opening = functools.partial(libmariadb.opening, in_use=in_use)
        report_opened(hooks, self, opening, connection, _connect_again, began)

    # `ping(True)` lets libmariadb connect again by itself: then, and in any later query.

    def _watched_ping(self, hooks: Hooks) -> Callable[..., Any]:
        watched = watch(hooks, Connection.ping, errors=Error, failure_of=_failure)
        followed = self._followed(hooks, watched, in_use=False)

        def ping(connection: Any, *reconnect: Any) -> Any:
            """Stand in for the driver's `ping`."""
            result = followed(connection, *reconnect)
            if reconnect and reconnect[0]:
                self._follow(hooks, connection)
            return result

        ping.__doc__ = _mysql.connection.ping.__doc__
        return ping

    def _follow(self, hooks: Hooks, connection: Any) -> None:
        """Make this one connection's queries notice that it has become another."""
        followed = self._followed(hooks, type(connection).query, in_use=True)
        there = weakref.ref(connection)
        vars(connection)["query"] = lambda query: followed(there(), query)

    def _followed(
        self, hooks: Hooks, original: Callable[..., Any], *, in_use: bool
    ) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(connection: Any, *args: Any) -> Any:
            if not hasattr(connection, ATTRIBUTE):
                return original(connection, *args)
            began, before = time.time_ns(), hooks.guarded(_session, connection)
            result = original(connection, *args)
            if hooks.guarded(_session, connection) not in (before, None):
                mysql_family.end(hooks, connection, lost=True)
                self._opened(hooks, connection, began, in_use=in_use)
            return result

        return call

    def address(self, connection: Any) -> Address:
        """Return what libmariadb connected to; an option file may have told it."""
        told = getattr(connection, libmariadb.LOGIN).parameters.values
        host: str = connection.get_host_info()
        if not host.endswith(_TCP):
            return Address(told.get("unix_socket") or "localhost", mysql_family.DEFAULT_PORT)
        host = host[: -len(_TCP)]
        # libmariadb shows 64 characters at most, and RDS has longer names.
        if (told.get("host") or "").startswith(host):
            host = told["host"]
        return Address(host, connection.port or mysql_family.DEFAULT_PORT)

    def backend_id(self, connection: Any) -> str | None:
        """Return the thread id of the handshake."""
        return str(connection.thread_id())

    def fileno(self, connection: Any) -> int:
        """Return libmariadb's descriptor, -1 if it cannot be had now."""
        return session.fileno(connection)

    def askable(self, connection: Any, login: Login) -> bool:
        """Only before the application has it: mysqlclient shows no transaction."""
        return (
            not self.is_closed(connection)
            and not login.parameters.in_use
            and not hasattr(connection, ATTRIBUTE)
        )

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement below the cursors."""
        return session.ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Whether it was closed; a lost one is not, for mysqlclient."""
        return session.is_closed(connection)

    def discard(self, connection: Any) -> None:
        """Shut its socket down, so that closing it cannot block, and close it."""
        sockets.shut_down(sockets.identify(self.fileno(connection)))
        session.close(connection)

    def mark(self, connection: Any, track: Track) -> None:
        """Set the attribute."""
        setattr(connection, ATTRIBUTE, track)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect with the same arguments, below every patch."""
        return session.Monitor(login.parameters.values, address, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the server's error number."""
        if not isinstance(error, Error):
            return None
        return mysql_family.login_failure(*mysql_family.code_of(error))

    def password(self, login: Login) -> str | None:
        """Return it as the application wrote it; one in an option file is not seen."""
        return libmariadb.password(login)

    def with_password(self, login: Login, password: str) -> Login:
        """Replace it."""
        return libmariadb.with_password(login, password)


def _session(connection: Any) -> object:
    """Return what tells one session of an object from the next; `None` if it is closed."""
    closed = session.is_closed(connection)
    return None if closed else session.session(connection)


def _connect_again(connection: Any, values: dict[str, Any]) -> Any:
    """Connect the same object once more.

    It cannot have two sessions at a time. So that it is not left with none, another object connects
    first.
    """
    if not session.is_closed(connection):
        session.close(session.Unpatched(**values))
        session.close(connection)
    try:
        session.Unpatched.__init__(connection, **values)
    except BaseException:
        # A failed initialiser leaves it open for mysqlclient, with nothing behind it.
        session.close(connection)
        raise
    return connection


def _failure(connection: Any, error: Any, _: tuple[Any, ...], *, may_wait: bool = True) -> Failure:
    errno, message = mysql_family.code_of(error)
    lost = session.is_closed(connection)
    return mysql_family.failure(errno, message, lost=lost, may_wait=may_wait)


def _cursor_failure(_cursor: Any, error: Any, _: tuple[Any, ...]) -> Failure:
    errno, message = mysql_family.code_of(error)
    return mysql_family.failure(errno, message, lost=False)


def _no_arguments(_connection: Any) -> None:
    """Show the parameters of the methods that have none."""


_quiet_failure = functools.partial(_failure, may_wait=False)
_ON_CONNECTION: dict[str, Any] = {"failure_of": _failure}
# Within an exchange there is nothing to look for first.
_WITHIN: dict[str, Any] = {"failure_of": _failure, "may_wait": never}
_QUIET: dict[str, Any] = {"failure_of": _quiet_failure, "may_wait": never}
# The methods of a connection that go to the network, and how they are watched.
_WATCHED = (
    (
        (
            "autocommit",
            "change_user",
            "kill",
            "query",
            "select_db",
            "send_query",
            "set_character_set",
            "set_server_option",
            "shutdown",
            "stat",
        ),
        _ON_CONNECTION,
    ),
    (("commit",), _ON_CONNECTION | {"like": _no_arguments}),
    (("rollback",), _QUIET | {"like": _no_arguments}),
    (
        ("discard_result", "next_result", "read_query_result", "store_result"),
        _WITHIN | {"like": _no_arguments},
    ),
)
# Of those cursors only whose rows come from the network one by one.
_WATCHED_OF_CURSORS = ("_fetch_row", "_discard")
_ON_CURSOR: dict[str, Any] = {
    "failure_of": _cursor_failure,
    "may_wait": never,
    "path": f"connection.{ATTRIBUTE}",
}
