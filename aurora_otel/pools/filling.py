"""What aiomysql's pool and asyncmy's have in common: the second has come from the first.

A checkout takes the first free connection; where none is left, the pool fills itself. What comes
back closed makes room.
"""

# ruff: noqa: SLF001 - such a pool shows none of its connections

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.pools.measuring import itself, lending_on_loop
from aurora_otel.pools.protocol import Description, Gauges, Hooks, Meter, target


class Library(NamedTuple):
    """One of the two.

    Attributes:
        name: of the library.
        fills: the name of the pool's method that fills it.
        is_closed: whether a connection is closed.
        wakes: whether a pool wakes a task that waits when a connection comes back closed.
    """

    name: str
    fills: str
    is_closed: Callable[[Any], bool]
    wakes: bool


def install(library: Library, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
    """Patch a module's `Pool`, and what connects for it; as `Pool.install`."""
    pool = module.Pool
    patches = Patches()
    # By the task that fills it: what connects is a function, which is not handed the pool.
    filled: dict[Any, Meter] = {}
    meter = hooks.meters(functools.partial(_describe, library))
    checking = _checking(hooks, pool._acquire, pool.release)
    # It has no limit of its own.
    patches.replace(pool, "_acquire", lending_on_loop(meter, checking, itself))
    patches.replace(pool, "release", _returning(library, meter, pool.release))
    filling = _filling(meter, filled, getattr(pool, library.fills))
    patches.replace(pool, library.fills, filling)
    patches.replace(module, "connect", _creating(filled, module.connect))
    return patches.undo


def _checking(
    hooks: Hooks, original: Callable[..., Any], release: Callable[..., Any]
) -> Callable[..., Any]:
    @functools.wraps(original)
    async def _acquire(self: Any) -> Any:
        # What is opened in the place of one that is not usable, is: this ends it all the same.
        attempts = len(self._free) + 1
        while True:
            connection = await original(self)
            try:
                if not attempts or await hooks.is_usable_on_loop(connection):
                    return connection
            except BaseException:
                # A cancellation's.
                release(self, connection)
                raise
            attempts -= 1
            connection.close()
            release(self, connection)

    return _acquire


def _returning(
    library: Library, meter: Callable[[Any], Meter], original: Callable[..., Any]
) -> Callable[..., Any]:
    @functools.wraps(original)
    def release(self: Any, conn: Any) -> Any:
        meter(self).returned(conn)
        returned = original(self, conn)
        if library.wakes or not library.is_closed(conn) or not self._loop.is_running():
            return returned
        return self._loop.create_task(self._wakeup())

    return release


def _filling(
    meter: Callable[[Any], Meter], filled: dict[Any, Meter], original: Callable[..., Any]
) -> Callable[..., Any]:
    @functools.wraps(original)
    async def fill(self: Any, *args: Any, **kwargs: Any) -> None:
        task = asyncio.current_task()
        filled[task] = meter(self)
        try:
            await original(self, *args, **kwargs)
        finally:
            del filled[task]

    return fill


def _creating(filled: dict[Any, Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def connect(*args: Any, **kwargs: Any) -> Any:
        pool = filled.get(asyncio.current_task())
        if pool is None:
            return await original(*args, **kwargs)
        with pool.creating():
            return await original(*args, **kwargs)

    return connect


def _describe(library: Library, pool: Any) -> Description:
    given = pool._conn_kwargs
    database = given.get("database") or given.get("db")
    leads_to = target("mysql", database, given.get("host"), given.get("port"))
    return Description(leads_to.name(library.name), pool, _gauges, leads_to)


def _gauges(pool: Any) -> Gauges:
    return Gauges(
        idle=pool.freesize,
        used=len(pool._used),
        max=pool.maxsize,
        idle_max=pool.maxsize,
        idle_min=pool.minsize,
    )
