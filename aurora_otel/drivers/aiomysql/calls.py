"""The calls of aiomysql's connections and results that go to the network, and how they fail."""

from __future__ import annotations

from typing import Any

from aiomysql.connection import Connection, MySQLResult

from aurora_otel.drivers.aiomysql import session
from aurora_otel.drivers.common import async_mysql, mysql_family
from aurora_otel.drivers.common.async_watching import watch, watch_close
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import never
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure, Hooks


def watch_all(patches: Patches, hooks: Hooks) -> None:
    """Watch the calls of connections and results, and the ends of connections."""
    for owner, names, how in _WATCHED:
        for name in names:
            method = watch(hooks, getattr(owner, name), errors=session.ERRORS, **how)
            patches.replace(owner, name, method)
    closing = watch_close(hooks, Connection.ensure_closed, session.is_closed)
    patches.replace(Connection, "ensure_closed", closing)
    patches.replace(Connection, "close", async_mysql.watch_close(hooks, Connection.close))
    patches.replace(Connection, "__del__", async_mysql.collecting(Connection.__del__))


def _failure(connection: Any, error: Exception, _: tuple[Any, ...]) -> Failure:
    errno, message = mysql_family.code_of(error)
    return mysql_family.failure(errno, message, lost=session.is_lost(connection))


def _result_failure(result: Any, error: Exception, args: tuple[Any, ...]) -> Failure:
    return _failure(result.connection, error, args)


def _is_result_over(result: Any) -> bool:
    return session.is_closed(result.connection)


_ON_CONNECTION: dict[str, Any] = {"failure_of": _failure, "is_over": session.is_closed}
# Within an exchange, no refresh comes first.
_ON_RESULT: dict[str, Any] = {
    "failure_of": _result_failure,
    "is_over": _is_result_over,
    "may_wait": never,
    "path": f"connection.{ATTRIBUTE}",
}
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
            "rollback",
            "select_db",
            "set_charset",
            "show_warnings",
        ),
        _ON_CONNECTION,
    ),
    (Connection, ("next_result",), _ON_CONNECTION | {"may_wait": never}),
    (MySQLResult, ("_finish_unbuffered_query", "_read_rowdata_packet_unbuffered"), _ON_RESULT),
)
