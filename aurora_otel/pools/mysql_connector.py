"""mysql-connector's pool.

It pings what it is about to hand out, and connects again what does not answer. A stale connection
does answer; so one that is not usable is disconnected before the pool pings it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from operator import attrgetter
from types import ModuleType
from typing import Any

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.pools.measuring import lending
from aurora_otel.pools.protocol import Description, Gauges, Hooks, Meter, target


class Adapter:
    """The `Pool` for mysql-connector."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch `MySQLConnectionPool`."""
        pool = module.MySQLConnectionPool
        patches = Patches()
        meter = hooks.meters(_describe)

        lock = module.CONNECTION_POOL_LOCK
        checking = _checking(hooks, pool.get_connection, lock)
        # An exhausted pool raises at once. `_cnx` is what `add_connection` will be given.
        lend = lending(meter, checking, attrgetter("_cnx"))
        patches.replace(pool, "get_connection", lend)
        patches.replace(pool, "add_connection", _returning(meter, pool.add_connection))
        lent = module.PooledMySQLConnection
        patches.replace(lent, "close", _giving_back(module, hooks, lent.close))
        return patches.undo


def _checking(
    hooks: Hooks, original: Callable[..., Any], lock: AbstractContextManager[Any]
) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_connection(self: Any) -> Any:
        # The original holds the same lock throughout, so what comes next stays what comes next.
        with lock:
            waiting = self._cnx_queue.queue
            if waiting and not hooks.is_usable(waiting[0]):
                waiting[0].disconnect()
            return original(self)

    return get_connection


def _returning(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def add_connection(self: Any, cnx: Any = None) -> Any:
        if cnx is None:
            with meter(self).creating():
                return original(self)
        meter(self).returned(cnx)
        return original(self, cnx)

    return add_connection


def _giving_back(
    module: ModuleType, hooks: Hooks, original: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a `close` that raises nothing where the session of a stale connection is not reset.

    The pool has it back nevertheless, and connects it again.
    """

    @functools.wraps(original)
    def close(self: Any) -> None:
        connection = self._cnx
        try:
            original(self)
        except module.Error as error:
            if isinstance(error, module.PoolError) or not hooks.is_invalidated(connection):
                raise

    return close


def _describe(pool: Any) -> Description:
    given = pool._cnx_config  # noqa: SLF001 - shown nowhere else
    leads_to = target("mysql", given.get("database"), given.get("host"), given.get("port"))
    return Description(pool.pool_name, pool, _gauges, leads_to)


def _gauges(pool: Any) -> Gauges:
    size = pool.pool_size
    return Gauges(idle=pool._cnx_queue.qsize(), max=size, idle_max=size)  # noqa: SLF001 - shown nowhere else
