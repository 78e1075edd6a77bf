"""The calls of mysql-connector-python's connections that go to the network, and how they fail.

Every one that sends or receives is watched by itself: whatever else there is, cursors included, is
made of these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from mysql.connector import errors
from mysql.connector.abstracts import MySQLConnectionAbstract
from mysql.connector.connection import MySQLConnection

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.connector_connections import CALLS
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import never, watch, watch_close
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.mysql_connector import session
from aurora_otel.drivers.mysql_connector.c_extension import ERRORS, CMySQLConnection
from aurora_otel.drivers.protocol import Failure, Hooks
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track

# Leads to the track of a connection with no call in flight.
_IDLE = f"{ATTRIBUTE}_idle"

_C_CALLS = (
    "_execute_query",
    "cmd_change_user",
    "cmd_init_db",
    "cmd_query",
    "cmd_refresh",
    "cmd_shutdown",
    "cmd_statistics",
    "cmd_stmt_close",
    "cmd_stmt_execute",
    "cmd_stmt_prepare",
    "cmd_stmt_reset",
    "commit",
    "info_query",
    "set_character_set_name",
)
# Pings, and has an error of its own for a ping that fails.
_CURSOR = "cursor"
_C_SETTERS = ("autocommit", "database")
# What reads on in a result: by itself, or inside another call, which is then the one in flight.
_PURE_READS = ("get_rows",)
_C_READS = ("consume_results", "free_result", "get_rows", "next_result")
# Since 9.2: it was given up after the application's own time-out.
_TIMED_OUT = tuple(
    getattr(errors, name)
    for name in ("ReadTimeoutError", "WriteTimeoutError")
    if hasattr(errors, name)
)
_NO_MORE = object()


def watch_all(patches: Patches, hooks: Hooks) -> None:
    """Watch the calls of both classes."""
    reconnect = _watched_reconnect(hooks, MySQLConnectionAbstract.reconnect)
    patches.replace(MySQLConnectionAbstract, "reconnect", reconnect)
    patches.replace(MySQLConnectionAbstract, _IDLE, property(_idle))
    _watch_pure(patches, hooks)
    if CMySQLConnection is not None:
        _watch_c(patches, hooks)


def _watch_pure(patches: Patches, hooks: Hooks) -> None:
    watched = functools.partial(watch, hooks, errors=ERRORS)
    query_iter = _watched_query_iter(hooks, MySQLConnection.cmd_query_iter)
    for name in (*CALLS, _CURSOR):
        method = watched(getattr(MySQLConnection, name), failure_of=_failure, may_wait=_may_wait)
        patches.replace(MySQLConnection, name, method)
    for name in _PURE_READS:
        patches.replace(MySQLConnection, name, watched(getattr(MySQLConnection, name), **_READING))
    patches.replace(MySQLConnection, "cmd_query_iter", query_iter)
    for name in ("close", "disconnect", "shutdown"):
        close = watch_close(hooks, getattr(MySQLConnection, name), _is_closed, unmarks=True)
        patches.replace(MySQLConnection, name, close)


def _watch_c(patches: Patches, hooks: Hooks) -> None:
    watched = functools.partial(watch, hooks, errors=ERRORS)
    reports_loss = functools.partial(_reports_loss, hooks)
    for name in (*_C_CALLS, _CURSOR):
        method = watched(getattr(CMySQLConnection, name), failure_of=_failure, may_wait=_may_wait)
        patches.replace(CMySQLConnection, name, method)
    reset = watched(CMySQLConnection.cmd_reset_connection, failure_of=_failure)
    patches.replace(CMySQLConnection, "cmd_reset_connection", reports_loss(reset, _is_gone))
    for name in _C_READS:
        method = watched(getattr(CMySQLConnection, name), **_READING)
        patches.replace(CMySQLConnection, name, method)
    for name in _C_SETTERS:
        attribute = vars(CMySQLConnection)[name]
        setter = reports_loss(watched(attribute.fset, failure_of=_failure), _is_gone)
        patches.replace(CMySQLConnection, name, attribute.setter(setter))
    rollback = watched(CMySQLConnection.rollback, failure_of=_quiet_failure, may_wait=never)
    patches.replace(CMySQLConnection, "rollback", rollback)
    ping = watched(CMySQLConnection.ping, failure_of=_ping_failure)
    patches.replace(CMySQLConnection, "ping", ping)
    is_connected = watched(CMySQLConnection.is_connected, failure_of=_failure)
    patches.replace(CMySQLConnection, "is_connected", reports_loss(is_connected, _has_no_answer))
    for name in ("close", "disconnect"):
        close = watch_close(hooks, getattr(CMySQLConnection, name), _is_closed, unmarks=True)
        patches.replace(CMySQLConnection, name, close)


def _failure(
    connection: Any, error: Any, args: tuple[Any, ...], *, lost: bool = False, may_wait: bool = True
) -> Failure:
    errno = getattr(error, "errno", -1)
    if errno < 0 or isinstance(error, _TIMED_OUT):
        # The driver's own words for it, or a time-out, which has another error's number.
        errno = None
        lost = lost or isinstance(error, _TIMED_OUT) or _is_gone(connection)
    lost = lost or _is_closed(connection)
    return mysql_family.failure(errno, str(error), lost=lost, may_wait=may_wait and _may_wait(args))


_quiet_failure = functools.partial(_failure, may_wait=False)
# The driver hides why the server does not respond.
_ping_failure = functools.partial(_failure, lost=True)


def _may_wait(args: tuple[Any, ...]) -> bool:
    return not args or args[0] not in ("ROLLBACK", b"ROLLBACK")


# Within an exchange, no refresh comes first.
_READING: dict[str, Any] = {"failure_of": _failure, "may_wait": never, "path": _IDLE}


def _idle(connection: Any) -> Track:
    track: Track = getattr(connection, ATTRIBUTE)
    if track.in_flight_since:
        raise AttributeError
    return track


def _reports_loss(
    hooks: Hooks, method: Callable[..., Any], is_lost: Callable[[Any, Any], bool]
) -> Callable[..., Any]:
    """Return `method` as one that reports a loss that the driver hides.

    Args:
        hooks: where to report.
        method: of a connection.
        is_lost: whether it was lost, given the connection and what `method` returned.
    """

    @functools.wraps(method)
    def call(connection: Any, *args: Any) -> Any:
        result = method(connection, *args)
        track = getattr(connection, ATTRIBUTE, None)
        if track is not None and hooks.guarded(is_lost, connection, result):
            hooks.failed(track, mysql_family.loss)
        return result

    return call


def _has_no_answer(_: Any, result: Any) -> bool:
    return not result


def _is_closed(connection: Any) -> bool:
    return session.of(connection).is_closed(connection)


def _is_gone(connection: Any, _: Any = None) -> bool:
    track = getattr(connection, ATTRIBUTE, None)
    if track is None or track.socket is None:
        return False
    # The C library closes a socket that failed.
    is_open = sockets.identify(track.socket.fd) == track.socket
    return not is_open or bool(sockets.hung_up([(track, track.socket)]))


def _watched_reconnect(hooks: Hooks, original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def reconnect(connection: Any, *args: Any, **kwargs: Any) -> None:
        # A ping may have found it lost, and kept that to itself.
        mysql_family.end(hooks, connection, lost=bool(hooks.guarded(_is_gone, connection)))
        original(connection, *args, **kwargs)

    return reconnect


def _watched_query_iter(
    hooks: Hooks, original: Callable[..., Iterator[Any]]
) -> Callable[..., Iterator[Any]]:
    def advance(_connection: Any, results: Iterator[Any]) -> Any:
        return next(results, _NO_MORE)

    step = watch(hooks, advance, errors=ERRORS, failure_of=_failure)

    @functools.wraps(original)
    def cmd_query_iter(connection: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        results = original(connection, *args, **kwargs)
        while (result := step(connection, results)) is not _NO_MORE:
            yield result

    return cmd_query_iter
