"""psycopg_pool's pools (sync).

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

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.pools.protocol import Description, Gauges, Hooks, Meter


class Adapter:
    """The `Pool` for psycopg_pool."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch `ConnectionPool`, from which `NullConnectionPool` inherits."""
        pool = module.ConnectionPool
        patches = Patches()

        def meter(of: Any) -> Meter:
            return hooks.meter(of, lambda: Description(of.name, of, _gauges))

        unchecked, connect = pool._getconn_unchecked, pool._connect  # noqa: SLF001 - see above
        patches.replace(pool, "_getconn_unchecked", _checking(hooks, unchecked))
        patches.replace(pool, "_connect", _creating(meter, connect))
        patches.replace(pool, "getconn", _lending(meter, pool.getconn, module.PoolTimeout))
        patches.replace(pool, "putconn", _returning(meter, pool.putconn))
        return patches.undo


def _checking(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def _getconn_unchecked(self: Any, timeout: float) -> Any:
        deadline = time.monotonic() + timeout
        while True:
            connection = original(self, deadline - time.monotonic())
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

    return _getconn_unchecked


def _creating(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def _connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        with meter(self).creating():
            return original(self, *args, **kwargs)

    return _connect


def _lending(
    meter: Callable[[Any], Meter], original: Callable[..., Any], timed_out: type[Exception]
) -> Callable[..., Any]:
    @functools.wraps(original)
    def getconn(self: Any, *args: Any, **kwargs: Any) -> Any:
        pool = meter(self)
        with pool.waiting(timed_out):
            connection = original(self, *args, **kwargs)
        pool.lent(connection)
        return connection

    return getconn


def _returning(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def putconn(self: Any, conn: Any) -> Any:
        meter(self).returned(conn)
        return original(self, conn)

    return putconn


def _gauges(pool: Any) -> Gauges:
    stats = pool.get_stats()
    # What is neither idle nor used is being opened: the pool does not distinguish these two.
    return Gauges(
        idle=stats["pool_available"],
        max=stats["pool_max"] or None,
        idle_max=stats["pool_max"] or None,
        idle_min=stats["pool_min"],
    )
