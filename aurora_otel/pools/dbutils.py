"""DBUtils: `PooledDB` and `PersistentDB`, both of which hand out steady connections.

`_ping_check` is where a steady connection is checked when it is fetched. Many drivers have
nothing that it could ping them with; and a ping passes on a stale one.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from operator import attrgetter
from types import ModuleType
from typing import Any

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.pools.measuring import lending
from aurora_otel.pools.protocol import Description, Gauges, Hooks, Meter, target

# `ping` of DBUtils: whenever a connection is fetched.
_FETCHED = 1


class Adapter:
    """The `Pool` for the modules of DBUtils."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch what is defined in this module: the connections, or the pool of them."""
        patches = Patches()
        if module.__name__ == "dbutils.steady_db":
            steady = module.SteadyDBConnection
            checking = _checking(hooks, steady._ping_check)  # noqa: SLF001 - see above
            patches.replace(steady, "_ping_check", checking)
            return patches.undo
        pool = module.PooledDB
        meter = hooks.meters(_describe)

        # A thread that waits here has no time limit. `_con` is what `cache` will be given.
        lend = lending(meter, pool.connection, attrgetter("_con"))
        patches.replace(pool, "connection", lend)
        patches.replace(pool, "steady_connection", _creating(meter, pool.steady_connection))
        patches.replace(pool, "cache", _returning(meter, pool.cache))
        return patches.undo


def _checking(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def _ping_check(self: Any, ping: int = _FETCHED, reconnect: bool = True) -> Any:  # noqa: FBT001, FBT002 - as the original
        fetched = ping == _FETCHED and not self._transaction
        if fetched and not hooks.is_usable(self._con):
            # As with one that does not answer a ping: if this fails, its first use tries again.
            with contextlib.suppress(Exception):
                connection = self._create()
                self._close()
                self._store(connection)
                return True
        return original(self, ping, reconnect)

    return _ping_check


def _creating(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def steady_connection(self: Any) -> Any:
        with meter(self).creating():
            return original(self)

    return steady_connection


def _returning(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def cache(self: Any, con: Any) -> Any:
        meter(self).returned(con)
        return original(self, con)

    return cache


def _describe(pool: Any) -> Description:
    given = pool._kwargs  # noqa: SLF001 - shown nowhere else
    names = (given[key] for key in ("database", "dbname", "db") if given.get(key))
    leads_to = target("", next(names, ""), given.get("host"), given.get("port"))
    return Description(leads_to.name("dbutils"), pool, _gauges, leads_to)


def _gauges(pool: Any) -> Gauges:
    return Gauges(
        idle=len(pool._idle_cache),  # noqa: SLF001 - shown nowhere else
        used=pool._connections,  # noqa: SLF001 - as above
        max=pool._maxconnections or None,  # noqa: SLF001 - as above
        idle_max=pool._maxcached or None,  # noqa: SLF001 - as above
    )
