"""psycopg_pool's pools, for threads and for event loops.

`_getconn_unchecked` is what every checkout passes, also one that has waited for the return of
another. The public callback `check` comes after it, but a pool waits longer and longer between two
connections that fail it: one failover would take a pool of twenty minutes.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from psycopg import conninfo

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.pools.measuring import itself, lending, lending_on_loop
from aurora_otel.pools.protocol import Description, Gauges, Hooks, Meter, Target, target


class Adapter:
    """The `Pool` for psycopg_pool."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch `ConnectionPool` and `AsyncConnectionPool`, from which the null pools inherit."""
        pool, on_loop = module.ConnectionPool, module.AsyncConnectionPool
        patches = Patches()
        meter = hooks.meters(_describe)

        unchecked, connect = pool._getconn_unchecked, pool._connect  # noqa: SLF001 - see above
        patches.replace(pool, "_getconn_unchecked", _checking(hooks, unchecked))
        patches.replace(pool, "_connect", _creating(meter, connect))
        lend = lending(meter, pool.getconn, itself, module.PoolTimeout)
        patches.replace(pool, "getconn", lend)
        patches.replace(pool, "putconn", _returning(meter, pool.putconn))
        unchecked, connect = on_loop._getconn_unchecked, on_loop._connect  # noqa: SLF001 - as above
        patches.replace(on_loop, "_getconn_unchecked", _checking_on_loop(hooks, unchecked))
        patches.replace(on_loop, "_connect", _creating_on_loop(meter, connect))
        lend = lending_on_loop(meter, on_loop.getconn, itself, module.PoolTimeout)
        patches.replace(on_loop, "getconn", lend)
        patches.replace(on_loop, "putconn", _returning_on_loop(meter, on_loop.putconn))
        return patches.undo


def _checking(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def _getconn_unchecked(self: Any, timeout: float) -> Any:
        deadline, left = time.monotonic() + timeout, timeout
        while True:
            connection = original(self, left)
            try:
                if hooks.is_usable(connection):
                    return connection
            except BaseException:
                # A signal's: the application will never return this one.
                self._putconn(connection, from_getconn=True)
                raise
            # Else `close()` could be a return to the pool.
            connection._pool = None  # noqa: SLF001 - as the pool does
            connection.close()
            # As the pool does with one that fails its check: another one is opened for it.
            self._putconn(connection, from_getconn=True)
            left = deadline - time.monotonic()

    return _getconn_unchecked


def _checking_on_loop(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def _getconn_unchecked(self: Any, timeout: float) -> Any:
        deadline, left = time.monotonic() + timeout, timeout
        while True:
            connection = await original(self, left)
            try:
                if await hooks.is_usable_on_loop(connection):
                    return connection
            except BaseException:
                # A cancellation's, as the pool does.
                await self._putconn(connection, from_getconn=True)
                raise
            connection._pool = None  # noqa: SLF001 - as above
            await connection.close()
            await self._putconn(connection, from_getconn=True)
            left = deadline - time.monotonic()

    return _getconn_unchecked


def _creating(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def _connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        with meter(self).creating():
            return original(self, *args, **kwargs)

    return _connect


def _creating_on_loop(
    meter: Callable[[Any], Meter], original: Callable[..., Any]
) -> Callable[..., Any]:
    @functools.wraps(original)
    async def _connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        with meter(self).creating():
            return await original(self, *args, **kwargs)

    return _connect


def _returning(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def putconn(self: Any, conn: Any) -> Any:
        meter(self).returned(conn)
        return original(self, conn)

    return putconn


def _returning_on_loop(
    meter: Callable[[Any], Meter], original: Callable[..., Any]
) -> Callable[..., Any]:
    @functools.wraps(original)
    async def putconn(self: Any, conn: Any) -> Any:
        meter(self).returned(conn)
        return await original(self, conn)

    return putconn


def _describe(pool: Any) -> Description:
    # Its name is its own: the pool makes one up where it was given none.
    return Description(pool.name, pool, _gauges, _target(pool))


def _target(pool: Any) -> Target:
    # Either may be a function of the application's, for its next connection alone.
    parts = pool.conninfo if isinstance(pool.conninfo, str) else ""
    given = pool.kwargs if isinstance(pool.kwargs, dict) else {}
    shown = conninfo.conninfo_to_dict(parts, **given)
    return target("postgresql", shown.get("dbname"), shown.get("host"), shown.get("port"))


def _gauges(pool: Any) -> Gauges:
    stats = pool.get_stats()
    # What is neither idle nor used is being opened: the pool does not distinguish these two.
    return Gauges(
        idle=stats["pool_available"],
        max=stats["pool_max"] or None,
        idle_max=stats["pool_max"] or None,
        idle_min=stats["pool_min"],
    )
