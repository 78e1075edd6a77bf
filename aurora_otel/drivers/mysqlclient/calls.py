"""The calls of mysqlclient's connections and cursors that go to the network, and how they fail.

`ping(True)` lets libmariadb connect again by itself: in that call, and in any later query.
"""

from __future__ import annotations

import functools
import time
import weakref
from collections.abc import Callable
from typing import Any

from MySQLdb import Error, _mysql
from MySQLdb.connections import Connection
from MySQLdb.cursors import BaseCursor, CursorUseResultMixIn

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.libmariadb import Opened
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import never, watch, watch_close
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.mysqlclient import session
from aurora_otel.drivers.protocol import Failure, Hooks


def watch_all(patches: Patches, hooks: Hooks, opened: Opened) -> None:
    """Watch the calls of connections and cursors.

    Args:
        patches: where to note what is replaced.
        hooks: where to report.
        opened: reports that the connection has become another one.
    """
    for names, how in _WATCHED:
        for name in names:
            method = watch(hooks, getattr(Connection, name), errors=Error, **how)
            patches.replace(Connection, name, method)
    for name in _WATCHED_OF_CURSORS:
        method = watch(hooks, getattr(BaseCursor, name), errors=Error, **_ON_CURSOR)
        patches.replace(CursorUseResultMixIn, name, method)
    patches.replace(Connection, "ping", _watched_ping(hooks, opened))
    close = watch_close(hooks, Connection.close, session.is_closed)
    patches.replace(Connection, "close", close)


def _watched_ping(hooks: Hooks, opened: Opened) -> Callable[..., Any]:
    watched = watch(hooks, Connection.ping, errors=Error, failure_of=_failure)
    followed = _followed(hooks, opened, watched, in_use=False)

    def ping(connection: Any, *reconnect: Any) -> Any:
        """Stand in for the driver's `ping`."""
        result = followed(connection, *reconnect)
        if reconnect and reconnect[0]:
            _follow(hooks, opened, connection)
        return result

    ping.__doc__ = _mysql.connection.ping.__doc__
    return ping


def _follow(hooks: Hooks, opened: Opened, connection: Any) -> None:
    """Make this one connection's queries notice that it has become another."""
    followed = _followed(hooks, opened, type(connection).query, in_use=True)
    there = weakref.ref(connection)
    vars(connection)["query"] = lambda query: followed(there(), query)


def _followed(
    hooks: Hooks, opened: Opened, original: Callable[..., Any], *, in_use: bool
) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(connection: Any, *args: Any) -> Any:
        if not hasattr(connection, ATTRIBUTE):
            return original(connection, *args)
        began, before = time.time_ns(), hooks.guarded(session.current, connection)
        result = original(connection, *args)
        if hooks.guarded(session.current, connection) not in (before, None):
            mysql_family.end(hooks, connection, lost=True)
            opened(hooks, connection, began, in_use=in_use)
        return result

    return call


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
# Within an exchange, no refresh comes first.
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
