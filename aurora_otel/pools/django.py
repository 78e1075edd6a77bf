"""Django's persistent connections: one for each thread and database.

Django checks them at the beginning and the end of a request, and before each cursor where
health checks are on. A thread without requests has only the second, so both places ask. Inside a
transaction nothing is replaced: it fails, as it has to. Its pool is psycopg_pool's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.pools.protocol import Hooks


class Adapter:
    """The `Pool` for Django."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch the base class of all database wrappers."""
        wrapper = module.BaseDatabaseWrapper
        patches = Patches()
        for name in ("close_if_unusable_or_obsolete", "close_if_health_check_failed"):
            patches.replace(wrapper, name, _checking(hooks, getattr(wrapper, name)))
        return patches.undo


def _checking(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def close_if_needed(self: Any) -> Any:
        if _is_between_transactions(self) and not hooks.is_usable(self.connection):
            # Django opens another one for the next cursor.
            self.close()
        return original(self)

    return close_if_needed


def _is_between_transactions(wrapper: Any) -> bool:
    connected = wrapper.connection is not None
    return connected and not wrapper.in_atomic_block and bool(wrapper.autocommit)
