"""psycopg_pool's pools (sync).

`_getconn_unchecked` is what every checkout passes, also one that has waited for somebody else's
return. The public callback `check` comes after it, but a pool waits longer and longer between two
connections that fail it: one failover would take a pool of twenty minutes.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from aurora_otel.drivers.patching import Patches
from aurora_otel.pools.protocol import Hooks


class Adapter:
    """The `Pool` for psycopg_pool."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch `ConnectionPool`, from which `NullConnectionPool` inherits."""
        pool = module.ConnectionPool
        patches = Patches()
        checking = _checking(hooks, pool._getconn_unchecked)  # noqa: SLF001 - see above
        patches.replace(pool, "_getconn_unchecked", checking)
        return patches.undo


def _checking(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def _getconn_unchecked(self: Any, timeout: float) -> Any:
        deadline = time.monotonic() + timeout
        while True:
            connection = original(self, deadline - time.monotonic())
            if hooks.is_usable(connection):
                return connection
            # Else `close()` could be a return to the pool.
            connection._pool = None  # noqa: SLF001 - as the pool does
            connection.close()
            # As the pool does with one that fails its check: another one is opened for it.
            self._putconn(connection, from_getconn=True)

    return _getconn_unchecked
