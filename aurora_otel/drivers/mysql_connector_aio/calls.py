"""The calls of `mysql.connector.aio` that go to the network, and how they fail.

Every one that sends or receives is watched by itself: whatever else there is, cursors included, is
made of these. One inside another is the other's.
"""

from __future__ import annotations

import functools
from typing import Any

from mysql.connector import errors
from mysql.connector.aio.connection import MySQLConnection

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.async_watching import watch, watch_close
from aurora_otel.drivers.common.connector_connections import CALLS
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import never
from aurora_otel.drivers.mysql_connector_aio import session
from aurora_otel.drivers.protocol import Failure, Hooks

# What `cmd_query_iter`, a generator, is made of; and what reads on in a result.
_PARTS = ("_handle_result", "_send_cmd", "get_rows")
# Since 9.2: it was given up after the application's own time-out, and closed.
_TIMED_OUT = tuple(
    getattr(errors, name)
    for name in ("ReadTimeoutError", "WriteTimeoutError")
    if hasattr(errors, name)
)


def watch_all(patches: Patches, hooks: Hooks) -> None:
    """Watch the calls of connections, and their ends."""
    watched = functools.partial(
        watch, hooks, errors=session.ERRORS, failure_of=_failure, is_over=session.is_closed
    )
    for name in CALLS:
        patches.replace(MySQLConnection, name, watched(getattr(MySQLConnection, name)))
    for name in _PARTS:
        method = watched(getattr(MySQLConnection, name), may_wait=never)
        patches.replace(MySQLConnection, name, method)
    for name in ("close", "disconnect", "shutdown"):
        close = watch_close(hooks, getattr(MySQLConnection, name), session.is_closed, defers=True)
        patches.replace(MySQLConnection, name, close)


def _failure(connection: Any, error: Any, _: tuple[Any, ...]) -> Failure:
    errno = getattr(error, "errno", None)
    lost = session.is_lost(connection) or isinstance(error, _TIMED_OUT)
    if isinstance(error, (OSError, *_TIMED_OUT)) or (errno or 0) < 0:
        # The system's number, or the driver's own words, or a time-out, which has another error's.
        errno = None
    return mysql_family.failure(errno, str(error), lost=lost)
