"""asyncpg's pool.

A holder is a place in a pool, and each checkout passes its `acquire`, which connects again where
the connection of that place is closed. A stale one is closed just before.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from operator import attrgetter
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.pools.measuring import lending_on_loop
from aurora_otel.pools.protocol import Description, Gauges, Hooks, Meter, Target, target
from aurora_otel.runtime.coroutines import without_waiting

# On the queue of a pool, which stands for it: a pool itself has no weak references.
_POOL = "_aurora_otel_pool"
_TIMED_OUT = (TimeoutError, asyncio.TimeoutError)


class Adapter:
    """The `Pool` for asyncpg."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch `Pool` and `PoolConnectionHolder`."""
        pool, holder = module.Pool, module.PoolConnectionHolder
        patches = Patches()

        of_queue = hooks.meters(_describe)

        def meter(of: Any) -> Meter:
            queue = of._queue  # noqa: SLF001 - see above
            setattr(queue, _POOL, of)
            return of_queue(queue)

        patches.replace(holder, "acquire", _checking(hooks, holder.acquire))
        patches.replace(holder, "release", _taking_back(module, hooks, holder.release))
        patches.replace(pool, "_acquire", _lending(meter, pool._acquire))  # noqa: SLF001 - as above
        patches.replace(pool, "release", _returning(meter, pool.release))
        connecting = _creating(meter, pool._get_new_connection)  # noqa: SLF001 - as above
        patches.replace(pool, "_get_new_connection", connecting)
        return patches.undo


def _checking(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def acquire(self: Any) -> Any:
        connection = self._con
        if (
            connection is not None
            and not connection.is_closed()
            and not await hooks.is_usable_on_loop(connection)
            and connection is self._con
        ):
            connection.terminate()
        return await original(self)

    return acquire


def _taking_back(
    module: ModuleType, hooks: Hooks, original: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a holder's `release` that raises nothing where its connection is gone by then.

    It runs as a task of its own. Where the connection is lost before that has its turn, as after a
    refused write, asyncpg itself has freed its place, and the original raises
    `InternalClientError`. Where the agent invalidates it while it is reset, the reset fails. What
    stands above asyncpg may take either for a connection that it still has, for ever.

    The error of a reset comes at once: asyncpg has freed the place by then, and the original
    terminates whatever connection it finds there, which in time would be the next caller's.
    """
    errors = module.exceptions
    lost = (OSError, errors.PostgresConnectionError, errors.InterfaceError)

    async def unless_free(holder: Any, lent: Any, timeout: Any) -> Any:
        if holder._proxy is not lent or holder._in_use is None:  # noqa: SLF001 - shown nowhere else
            return
        connection = holder._con  # noqa: SLF001 - as above
        try:
            await without_waiting(original(holder, timeout))
        except lost:
            if not hooks.is_invalidated(connection):
                raise

    @functools.wraps(original)
    def release(self: Any, timeout: Any) -> Any:
        return unless_free(self, self._proxy, timeout)

    return release


def _lending(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    measured = lending_on_loop(meter, original, attrgetter("_con"), _TIMED_OUT)

    @functools.wraps(original)
    async def _acquire(self: Any, timeout: Any) -> Any:
        # One that was not opened has none: the original says so.
        acquire = original if self._queue is None else measured
        return await acquire(self, timeout)

    return _acquire


def _returning(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def release(self: Any, connection: Any, *args: Any, **kwargs: Any) -> Any:
        plain = getattr(connection, "_con", None)
        if plain is not None and self._queue is not None:
            meter(self).returned(plain)
        return await original(self, connection, *args, **kwargs)

    return release


def _creating(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def _get_new_connection(self: Any) -> Any:
        with meter(self).creating():
            return await original(self)

    return _get_new_connection


def _describe(queue: Any) -> Description:
    leads_to = _target(getattr(queue, _POOL))
    return Description(leads_to.name("asyncpg"), queue, _gauges, leads_to)


def _target(pool: Any) -> Target:
    dsn, given = next(iter(pool._connect_args), None), pool._connect_kwargs  # noqa: SLF001 - as above
    parts = urlsplit(dsn or "")
    return target(
        "postgresql",
        given.get("database") or parts.path.strip("/"),
        given.get("host") or parts.hostname,
        given.get("port") or parts.port,
    )


def _gauges(queue: Any) -> Gauges:
    pool = getattr(queue, _POOL)
    idle, size = pool.get_idle_size(), pool.get_max_size()
    used = pool.get_size() - idle
    return Gauges(idle=idle, used=used, max=size, idle_max=size, idle_min=pool.get_min_size())
