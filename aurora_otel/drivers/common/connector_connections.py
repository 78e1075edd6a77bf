"""What mysql-connector-python's connections have alike, with and without an event loop."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mysql.connector.constants import ClientFlag
from mysql.connector.errors import Error

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import LoginFailure
from aurora_otel.drivers.protocol import Traced

# The methods of a connection in Python that go to the network.
CALLS = (
    "cmd_change_user",
    "cmd_debug",
    "cmd_init_db",
    "cmd_ping",
    "cmd_query",
    "cmd_refresh",
    "cmd_reset_connection",
    "cmd_statistics",
    "cmd_stmt_close",
    "cmd_stmt_execute",
    "cmd_stmt_fetch",
    "cmd_stmt_prepare",
    "cmd_stmt_reset",
    "cmd_stmt_send_long_data",
)
# What an application wants of its own sessions only.
LEFT_OUT = (
    ClientFlag.CONNECT_WITH_DB | ClientFlag.CAN_HANDLE_EXPIRED_PASSWORDS | ClientFlag.COMPRESS
)
_SHOWN = {"database": "_database", "host": "_host", "port": "_port"}


def trace(
    patches: Patches, module: ModuleType, traced: Traced, connection_of: Callable[[Any], Any]
) -> None:
    """Have the cursors of a module make query spans.

    Args:
        patches: where to note what is replaced.
        module: the module; what a class inherits is replaced in its base.
        traced: makes a method one that makes a span.
        connection_of: returns a cursor's connection.
    """
    spanned = functools.partial(
        traced, mysql_family.SYSTEM, attributes=_SHOWN, connection_of=connection_of
    )
    for cursor in [each for each in vars(module).values() if isinstance(each, type)]:
        for name in set(mysql_family.TRACED_CALLS) & vars(cursor).keys():
            patches.replace(cursor, name, spanned(getattr(cursor, name)))


def login_failure(error: Exception) -> LoginFailure | None:
    """Return why a connect failed at the login, by the server's error number."""
    if not isinstance(error, Error):
        return None
    return mysql_family.login_failure(error.errno, str(error))
