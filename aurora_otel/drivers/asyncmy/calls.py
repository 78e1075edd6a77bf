"""The calls of asyncmy's connections that go to the network, and how they fail.

Results and cursors are types in C, which nothing can be set on. What they read passes
`Connection._fill_buffer` where it has to be waited for; in older versions, `_read_bytes`.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from asyncmy import connection as library
from asyncmy.connection import Connection

from aurora_otel.drivers.asyncmy import session
from aurora_otel.drivers.common import async_mysql, mysql_family
from aurora_otel.drivers.common.async_watching import watch, watch_close
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import never
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure, Hooks

# The class of prepared statements, which older versions do not have.
_STATEMENT = getattr(library, "PreparedStatement", None)
_READ = "_fill_buffer" if hasattr(Connection, "_fill_buffer") else "_read_bytes"


def watch_all(patches: Patches, hooks: Hooks) -> None:
    """Watch the calls of connections and prepared statements, and the ends of connections."""
    for owner, names, how in _WATCHED:
        for name in filter(functools.partial(hasattr, owner), names):
            method = watch(hooks, getattr(owner, name), errors=session.ERRORS, **how)
            patches.replace(owner, name, method)
    if _STATEMENT is not None:
        execute = watch(hooks, _STATEMENT.execute, errors=session.ERRORS, **_ON_STATEMENT)
        patches.replace(Connection, "prepare", _preparing(Connection.prepare, execute))
    closing = watch_close(hooks, Connection.ensure_closed, session.is_closed, defers=True)
    patches.replace(Connection, "ensure_closed", closing)
    patches.replace(Connection, "close", async_mysql.watch_close(hooks, Connection.close))


def _preparing(original: Callable[..., Any], execute: Callable[..., Any]) -> Callable[..., Any]:
    """Return `original` as one whose statements are watched.

    Each by an attribute of its own: on the class, `execute` would cost asyncmy's cursors their fast
    way to prepared statements.
    """

    @functools.wraps(original)
    async def prepare(self: Any, query: Any) -> Any:
        statement = await original(self, query)
        vars(statement)["execute"] = functools.partial(_execute, execute, weakref.ref(statement))
        return statement

    return prepare


async def _execute(execute: Callable[..., Any], found: Callable[[], Any], args: Any = ()) -> Any:
    return await execute(found(), args)


def _failure(connection: Any, error: Exception, _: tuple[Any, ...]) -> Failure:
    errno, message = mysql_family.code_of(error)
    return mysql_family.failure(errno, message, lost=session.is_lost(connection))


def _failure_of_statement(statement: Any, error: Exception, args: tuple[Any, ...]) -> Failure:
    return _failure(statement._connection, error, args)  # noqa: SLF001 - shown nowhere else


def _is_statement_over(statement: Any) -> bool:
    return session.is_closed(statement._connection)  # noqa: SLF001 - as above


_ON_CONNECTION: dict[str, Any] = {"failure_of": _failure, "is_over": session.is_closed}
_ON_STATEMENT: dict[str, Any] = {
    "failure_of": _failure_of_statement,
    "is_over": _is_statement_over,
    "path": f"_connection.{ATTRIBUTE}",
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
            "prepare",
            "query",
            "rollback",
            "select_db",
            "set_charset",
            "show_warnings",
        ),
        _ON_CONNECTION,
    ),
    # Within an exchange, no refresh comes first.
    (Connection, (_READ, "next_result"), _ON_CONNECTION | {"may_wait": never}),
    (_STATEMENT, ("_execute_cursor", "execute_bulk"), _ON_STATEMENT),
)
