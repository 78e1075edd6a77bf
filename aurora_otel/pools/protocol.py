"""What a pool's file offers to the core, and what the core offers to it.

A pool's file knows its pool and these protocols, and nothing of the agent: it is handed the hooks.
See `docs/design.md`, "Pools".
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol


class Hooks(Protocol):
    """What a pool's file asks. None of these raises.

    A connection is the driver's own object, or a proxy that passes attributes on.
    """

    def is_usable(self, connection: Any) -> bool:
        """Whether a pool may hand an idle connection out.

        Asked inside the checkout. Looks at the topology first, if a look is due, and notices
        without a round trip when the server has hung up. Connections that are not ours to judge
        are usable.
        """

    def is_invalidated(self, connection: Any) -> bool:
        """Whether we have taken a connection out of use; looks at nothing."""


class Pool(Protocol):
    """One library's pools."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch the pools.

        Args:
            module: the library's.
            hooks: whom to ask.

        Returns:
            what undoes it.
        """
