"""asyncmy's pool.

Where a connection is free, it has a way in C to hand that out, which asks no hook: it leaves
that way while its `_acquire` is replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from aurora_otel.pools import filling
from aurora_otel.pools.protocol import Hooks


class Adapter:
    """The `Pool` for asyncmy."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch `Pool`, and what connects for it."""
        # Older ones are as aiomysql's.
        wakes = hasattr(module.Pool, "_wakeup_all")
        library = filling.Library("asyncmy", "fill_free_pool", _is_closed, wakes=wakes)
        return filling.install(library, module, hooks)


def _is_closed(connection: Any) -> bool:
    return not connection.connected
