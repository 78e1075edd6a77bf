"""SQLAlchemy's pools, 1.4 and 2.

A record is a place in a pool, and `get_connection` is where every pool gets the connection of a
record that is checked out: there SQLAlchemy itself replaces one that is too old. The public event
`checkout` comes too late: after the pre-ping, which takes one dead connection for a reason to
replace the whole pool.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import base

from aurora_otel.drivers.patching import Patches
from aurora_otel.pools.protocol import Hooks


class Adapter:
    """The `Pool` for SQLAlchemy."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:  # noqa: ARG002 - has parts of its own
        """Patch the records of all pools, and listen to the errors of all engines."""
        record = base._ConnectionRecord  # noqa: SLF001 - no public event comes early enough
        patches = Patches()
        patches.replace(record, "get_connection", _checking(hooks, record.get_connection))
        on_error = functools.partial(_on_error, hooks)
        event.listen(Engine, "handle_error", on_error)

        def undo() -> None:
            event.remove(Engine, "handle_error", on_error)
            patches.undo()

        return undo


def _checking(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_connection(self: Any) -> Any:
        connection = self.dbapi_connection
        if connection is not None and not hooks.is_usable(connection):
            # What asks the original to replace it, at this very checkout.
            self.invalidate(soft=True)
        return original(self)

    return get_connection


def _on_error(hooks: Hooks, context: Any) -> None:
    """Say that a connection is lost, if we shut it down while its statement failed.

    The driver does not know yet. Without this, SQLAlchemy would roll back on it, and raise what
    the rollback meets instead of what the server said. The rest of the pool is judged one by one.
    """
    connection = context.connection
    if connection is None or context.is_disconnect or connection.invalidated:
        return
    if hooks.is_invalidated(connection.connection.dbapi_connection):
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False
