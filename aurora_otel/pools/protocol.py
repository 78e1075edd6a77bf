"""What a pool's file offers to the core, and what the core offers to it.

A pool's file knows its pool and these protocols, and nothing of the agent: it is handed the hooks.
See `docs/design.md`, "Pools".
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, NamedTuple, Protocol


class Gauges(NamedTuple):
    """What a pool reports about itself; `None` where it cannot: then `used` is what was handed out.

    Attributes:
        idle: connections that wait to be handed out.
        used: connections that are handed out.
        max: connections that it allows.
        idle_max: idle connections that it allows.
        idle_min: idle connections that it keeps at least.
    """

    idle: int | None = None
    used: int | None = None
    max: int | None = None
    idle_max: int | None = None
    idle_min: int | None = None


class Target(NamedTuple):
    """The database that a pool leads to, as it was configured; empty or 0 where that is not known.

    Attributes:
        system: `db.system.name`.
        namespace: the name of the database.
        address: the host's name.
        port: the port.
    """

    system: str = ""
    namespace: str = ""
    address: str = ""
    port: int = 0

    def name(self, library: str) -> str:
        """Return what the semantic conventions call a pool of `library` that has no name."""
        server = f"{self.address}:{self.port}" if self.address and self.port else self.address
        return self.namespace or server or self.system or library


def target(system: str, namespace: Any, address: Any, port: Any) -> Target:
    """Return a target out of what an application gave: strings, numbers, nothing, anything."""
    text = str(port or "")
    return Target(
        system,
        namespace if isinstance(namespace, str) else "",
        address if isinstance(address, str) else "",
        int(text) if text.isdecimal() else 0,
    )


class Description(NamedTuple):
    """What is to be known of a pool.

    Attributes:
        name: its name in telemetry; a number is added where another pool has that one.
        owner: what keeps the name when it replaces its pool; the pool itself, where nothing does.
        read: asks a pool of this kind for its figures; waits for nothing.
        target: the database that it leads to.
    """

    name: str
    owner: Any
    read: Callable[[Any], Gauges]
    target: Target = Target()


class Meter(Protocol):
    """Measures one pool."""

    def begin(self) -> float:
        """Take note that a caller begins to wait; return when, in seconds of the monotonic clock.

        One of the next two ends that.
        """

    def lent(self, connection: Any, began: float) -> None:
        """Take note that a connection was handed out to a caller that waited from `began` on."""

    def gave_up(self, *, is_timeout: bool) -> None:
        """Take note of a caller that got no connection, maybe because it had waited in vain."""

    def creating(self) -> AbstractContextManager[None]:
        """Measure the block, which opens a connection."""

    def returned(self, connection: Any) -> None:
        """Take note that a connection is back. Only appends: it may run in a weakref callback."""


class Hooks(Protocol):
    """What a pool's file asks and reports. None of these raises.

    A connection is the driver's own object, or a proxy that passes attributes on.
    """

    def is_usable(self, connection: Any) -> bool:
        """Return whether a pool may hand an idle connection out.

        Asked inside the checkout. Refreshes the topology first, if that is due, and notices
        without a round trip when the server has hung up. Connections that are not ours to judge
        are usable.
        """

    async def is_usable_on_loop(self, connection: Any) -> bool:
        """As `is_usable`, for a pool on an event loop, which goes on meanwhile."""

    def is_plainly_usable(self, connection: Any) -> bool:
        """Return whether nothing is in doubt about an idle connection; wait for nothing.

        Both of the others ask this first; a pool does where to await costs it a detour.
        """

    def is_gone(self, connection: Any) -> bool:
        """Return whether an event loop has closed the socket of an idle connection."""

    def is_invalidated(self, connection: Any) -> bool:
        """Return whether the agent has invalidated a connection; check nothing."""

    def meters(self, describe: Callable[[Any], Description]) -> Callable[[Any], Meter]:
        """Return a function that returns what measures a pool.

        Args:
            describe: returns what is to be known of a pool; called when that is met first.
        """


class Pool(Protocol):
    """One library's pools."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch the pools.

        Args:
            module: the library's.
            hooks: what to ask, and where to report.

        Returns:
            what undoes it.
        """
