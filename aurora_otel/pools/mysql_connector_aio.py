"""The pool of `mysql.connector.aio`.

It pings what it is about to hand out, and connects again what does not answer. A stale connection
does answer, so one that is not usable is shut down before the pool pings it. On uvloop, a ping on
a connection that was reset raises what the pool does not expect, and a place of it would be lost.
"""

# ruff: noqa: SLF001 - the pool shows none of its connections

from __future__ import annotations

import functools
from collections.abc import Callable
from operator import attrgetter
from types import ModuleType
from typing import Any

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.pools.measuring import lending_on_loop
from aurora_otel.pools.protocol import Description, Gauges, Hooks, Meter, target


class Adapter:
    """The `Pool` for `mysql.connector.aio`."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch `MySQLConnectionPool`."""
        pool = module.MySQLConnectionPool
        patches = Patches()
        meter = hooks.meters(_describe)

        # An exhausted pool raises at once. `_cnx` is what `add_connection` will be given.
        checking = _checking(hooks, pool.get_connection)
        lend = lending_on_loop(meter, checking, attrgetter("_cnx"))
        patches.replace(pool, "get_connection", lend)
        patches.replace(pool, "add_connection", _returning(meter, pool.add_connection))
        lent = module.PooledMySQLConnection
        patches.replace(lent, "close", _giving_back(module, hooks, lent.close))
        return patches.undo


def _checking(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def get_connection(self: Any) -> Any:
        waiting = self._cnx_queue._queue
        connection = waiting[0] if waiting else None
        if (
            connection is not None
            and not await hooks.is_usable_on_loop(connection)
            # Another task may have taken it meanwhile.
            and waiting
            and waiting[0] is connection
        ):
            # Without a socket its ping fails by an error that the pool expects.
            sock, connection._socket = connection._socket, None
            if sock is not None:
                sock._writer.transport.abort()
        return await original(self)

    return get_connection


def _returning(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def add_connection(self: Any, cnx: Any = None) -> Any:
        if cnx is None:
            with meter(self).creating():
                return await original(self)
        meter(self).returned(cnx)
        return await original(self, cnx)

    return add_connection


def _giving_back(
    module: ModuleType, hooks: Hooks, original: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a `close` that raises nothing where a connection is invalidated while it is reset."""

    @functools.wraps(original)
    async def close(self: Any) -> None:
        connection = self._cnx
        try:
            await original(self)
        except (module.Error, OSError) as error:
            if isinstance(error, module.PoolError) or not hooks.is_invalidated(connection):
                raise

    return close


def _describe(pool: Any) -> Description:
    given = pool._cnx_config
    leads_to = target("mysql", given.get("database"), given.get("host"), given.get("port"))
    return Description(pool.pool_name or leads_to.name("mysql-connector"), pool, _gauges, leads_to)


def _gauges(pool: Any) -> Gauges:
    size = pool.pool_size
    return Gauges(idle=pool._cnx_queue.qsize(), max=size, idle_max=size)
