"""The calls of mariadb's connections and cursors that go to the network, and how they fail.

In any of them the C library may connect again by itself, with `auto_reconnect`: then the server's
number for the session has changed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from mariadb import Error
from mariadb.connections import Connection
from mariadb.cursors import Cursor

from aurora_otel.drivers.common import libmariadb, mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import never, watch, watch_close
from aurora_otel.drivers.mariadb import session
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure, Hooks
from aurora_otel.runtime import sockets

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


def watch_all(patches: Patches, hooks: Hooks, opened: libmariadb.Opened) -> None:
    """Watch the calls of connections and cursors.

    Args:
        patches: where to note what is replaced.
        hooks: where to report.
        opened: reports that the connection has become another one.
    """
    _watch_connection(patches, hooks, opened)
    _watch_cursor(patches, hooks, opened)


def _watch_connection(patches: Patches, hooks: Hooks, opened: libmariadb.Opened) -> None:
    watched = functools.partial(watch, hooks, errors=Error)
    followed = functools.partial(_followed, hooks, opened, connection_of=_itself)
    for name in _CALLS:
        method = watched(getattr(Connection, name), failure_of=_failure)
        patches.replace(Connection, name, followed(method))
    for name in _QUIET_CALLS:
        method = watched(getattr(Connection, name), failure_of=_quiet_failure, may_wait=never)
        patches.replace(Connection, name, followed(method))
    for name in _SETTERS:
        attribute = vars(Connection)[name]
        setter = followed(watched(attribute.fset, failure_of=_failure))
        patches.replace(Connection, name, attribute.setter(setter))
    patches.replace(Connection, "reconnect", _watched_reconnect(hooks, opened))
    # A pool's connection is only returned to it.
    close = watch_close(hooks, Connection.close, attrgetter("_closed"), unmarks=True)
    patches.replace(Connection, "close", close)


def _watch_cursor(patches: Patches, hooks: Hooks, opened: libmariadb.Opened) -> None:
    watched = functools.partial(
        watch, hooks, errors=Error, failure_of=_cursor_failure, path=f"_connection.{ATTRIBUTE}"
    )
    for name in _CURSOR_CALLS:
        method = watched(getattr(Cursor, name))
        followed = _followed(hooks, opened, method, connection_of=_connection_of)
        patches.replace(Cursor, name, followed)
    for name in _FETCHES:
        fetch = getattr(Cursor, name)
        # Within an exchange, no refresh comes first.
        streamed = _reports_loss(hooks, watched(fetch, may_wait=never))
        patches.replace(Cursor, name, _if_unbuffered(streamed, fetch))
    close = watched(Cursor.close, failure_of=_quiet_cursor_failure, may_wait=never)
    patches.replace(Cursor, "close", close)


def _followed(
    hooks: Hooks,
    opened: libmariadb.Opened,
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
            try:
                connection, in_use = connection_of(receiver)
                is_another = session.is_another_session(connection)
            except Exception as error:  # noqa: BLE001 - only reported
                hooks.guarded(_raise, error)
            else:
                if is_another:
                    mysql_family.end(hooks, connection, lost=True)
                    opened(hooks, connection, began, in_use=in_use)

    return call


def _raise(error: Exception) -> None:
    raise error


def _itself(connection: Any) -> tuple[Any, bool]:
    return connection, False


def _connection_of(cursor: Any) -> tuple[Any, bool]:
    """Return a cursor's connection, and whether a result is on its way."""
    return cursor.connection, not cursor.buffered and bool(cursor.field_count)


def _watched_reconnect(hooks: Hooks, opened: libmariadb.Opened) -> Callable[[Any], None]:
    original = Connection.reconnect

    @functools.wraps(original)
    def reconnect(connection: Any) -> None:
        began = time.time_ns()
        lost = bool(hooks.guarded(_has_hung_up, connection))
        original(connection)
        if hasattr(connection, libmariadb.LOGIN):
            mysql_family.end(hooks, connection, lost=lost)
            opened(hooks, connection, began)

    return reconnect


def _has_hung_up(connection: Any) -> bool:
    sock = session.socket_of(connection)
    return sock is None or bool(sockets.hung_up([(sock, sock)]))


def _reports_loss(hooks: Hooks, fetch: Callable[..., Any]) -> Callable[..., Any]:
    """Return `fetch` as one that reports a loss: the driver takes it for the result's end."""

    @functools.wraps(fetch)
    def call(cursor: Any, *args: Any, **kwargs: Any) -> Any:
        rows = fetch(cursor, *args, **kwargs)
        track = getattr(cursor.connection, ATTRIBUTE, None)
        if track is not None and hooks.guarded(session.is_lost, cursor.connection):
            hooks.failed(track, mysql_family.loss)
        return rows

    return call


def _if_unbuffered(streamed: Callable[..., Any], fetch: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fetch)
    def call(cursor: Any, *args: Any, **kwargs: Any) -> Any:
        # A buffered cursor has all its rows already.
        return (fetch if cursor.buffered else streamed)(cursor, *args, **kwargs)

    return call


def number_of(error: Any) -> int | None:
    """Return an error's number; what the driver's Python part raises by itself has none."""
    return getattr(error, "errno", None)


def _failure(connection: Any, error: Any, _: tuple[Any, ...], *, may_wait: bool = True) -> Failure:
    lost = session.is_lost(connection)
    return mysql_family.failure(number_of(error), str(error), lost=lost, may_wait=may_wait)


def _cursor_failure(
    cursor: Any, error: Any, args: tuple[Any, ...], *, may_wait: bool = True
) -> Failure:
    return _failure(cursor.connection, error, args, may_wait=may_wait)


_quiet_failure = functools.partial(_failure, may_wait=False)
_quiet_cursor_failure = functools.partial(_cursor_failure, may_wait=False)
