"""aiomysql's pool.

It wakes a task that waits for a connection only by one that comes back usable: a pool of lost ones
would leave it waiting for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import ModuleType

from aurora_otel.pools import filling
from aurora_otel.pools.protocol import Hooks

_LIBRARY = filling.Library("aiomysql", "_fill_free_pool", attrgetter("closed"), wakes=False)


class Adapter:
    """The `Pool` for aiomysql."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch `Pool`, and what connects for it."""
        return filling.install(_LIBRARY, module, hooks)
