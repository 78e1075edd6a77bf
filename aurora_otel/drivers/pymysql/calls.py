"""The calls of PyMySQL's connections and results that go to the network, and how they fail."""

from __future__ import annotations

import functools
from typing import Any

import pymysql
from pymysql.connections import Connection, MySQLResult

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import never, watch, watch_close
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure, Hooks
from aurora_otel.drivers.pymysql import session


def watch_all(patches: Patches, hooks: Hooks) -> None:
    """Watch the calls of connections and results."""
    for owner, names, how in _WATCHED:
        for name in names:
            method = watch(hooks, getattr(owner, name), errors=pymysql.Error, **how)
            patches.replace(owner, name, method)
    close = watch_close(hooks, Connection.close, session.is_closed)
    patches.replace(Connection, "close", close)


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
    # Within an exchange, no refresh comes first.
    (Connection, ("next_result",), _ON_CONNECTION | {"may_wait": never}),
    (MySQLResult, ("_read_rowdata_packet_unbuffered",), _ON_RESULT | {"may_wait": never}),
    # Also runs when a result or a cursor is garbage collected, inside anything.
    (
        MySQLResult,
        ("_finish_unbuffered_query",),
        _ON_RESULT | _QUIET | {"failure_of": _quiet_result_failure},
    ),
)
