"""The calls of pg8000's connections that go to the network, and how they fail."""

from __future__ import annotations

import functools
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from pg8000 import core, dbapi, legacy
from pg8000.core import CoreConnection
from pg8000.exceptions import DatabaseError, Error

from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import watch, watch_close
from aurora_otel.drivers.pg8000 import session
from aurora_otel.drivers.protocol import Failure, Hooks

_CALLS = (
    "close_prepared_statement",
    "execute_named",
    "execute_simple",
    "execute_unnamed",
    "prepare_statement",
)
# What comes of a network that fails: an OSError from the first read, InterfaceError elsewhere.
_ERRORS = (Error, OSError)
_NETWORK_ERROR = ("network error",)
# On the connection: the SQLSTATE with which the server ended the session.
_ENDED_WITH = "_aurora_otel_ended_with"


def watch_all(patches: Patches, hooks: Hooks) -> None:
    """Watch the calls of connections."""
    for name in _CALLS:
        original = getattr(CoreConnection, name)
        watched = watch(hooks, original, errors=_ERRORS, failure_of=_failure, may_wait=_may_wait)
        patches.replace(CoreConnection, name, watched)
    close = watch_close(hooks, CoreConnection.close, session.is_closed)
    patches.replace(CoreConnection, "close", close)
    remembering = _remembering(hooks, CoreConnection.handle_ERROR_RESPONSE)
    patches.replace(CoreConnection, "handle_ERROR_RESPONSE", remembering)


def trace(patches: Patches, traced: Callable[..., Any]) -> None:
    """Have the cursors of both DB-APIs, and the native connection, make query spans."""
    # The one module that `import pg8000` does not bring.
    from pg8000 import native  # noqa: PLC0415 - else it would be loaded for nothing

    for cursor in (dbapi.Cursor, legacy.Cursor):
        for name in ("callproc", "execute", "executemany"):
            if original := vars(cursor).get(name):
                # Their attribute `connection` warns that it is an extension.
                made = traced(original, connection_of=attrgetter("_c"))
                patches.replace(cursor, name, made)
    run = traced(native.Connection.run, connection_of=lambda connection: connection)
    patches.replace(native.Connection, "run", run)


def forget_end(connection: Any) -> None:
    """Forget how the session ended that an object had before it connected again."""
    vars(connection).pop(_ENDED_WITH, None)


def sqlstate_of(error: Exception) -> str | None:
    """Return the SQLSTATE of an error of the server's, if it is one."""
    fields = error.args[0] if isinstance(error, DatabaseError) and error.args else None
    return fields.get(core.RESPONSE_CODE) if isinstance(fields, dict) else None


def _failure(connection: Any, error: Exception, args: tuple[Any, ...]) -> Failure:
    lost = isinstance(error, OSError) or error.args == _NETWORK_ERROR
    sqlstate = getattr(connection, _ENDED_WITH, None) if lost else sqlstate_of(error)
    reported = connection.parameter_statuses.get
    return libpq.failure(sqlstate, lost=lost, may_wait=_may_wait(args), reported=reported)


def _may_wait(args: tuple[Any, ...]) -> bool:
    return bool(args[0] != "rollback")


def _remembering(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    """Keep why the server ended the session: pg8000 forgets it over the end of the stream."""

    @functools.wraps(original)
    def handle(self: Any, data: Any, context: Any) -> Any:
        original(self, data, context)
        hooks.guarded(_remember, self, context)

    return handle


def _remember(connection: Any, context: Any) -> None:
    fields = context.error.args[0]
    # The severity in English, whatever language the server speaks.
    if fields.get("V") in ("FATAL", "PANIC"):
        setattr(connection, _ENDED_WITH, fields.get(core.RESPONSE_CODE))
