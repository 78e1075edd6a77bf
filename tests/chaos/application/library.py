"""A driver for event loops, as the tasks of the application use it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class Library(Protocol):
    """A driver.

    Attributes:
        name: its own.
        errors: what it raises.
    """

    name: str
    errors: Any

    async def connect(self, target: str) -> Any:
        """Connect; outside a transaction, each statement is one."""

    def transaction(self, connection: Any) -> AbstractAsyncContextManager[Any]:
        """Return a transaction, which is rolled back if its block fails."""

    async def write(self, connection: Any) -> str:
        """Write; return the instance that accepted it, by its own word."""

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver takes a connection for closed."""

    async def close(self, connection: Any) -> None:
        """Close a connection."""


class LoopPool(Protocol):
    """A pool of such a driver's connections to the writer.

    Attributes:
        library: what writes on them.
    """

    library: Library

    async def open(self) -> None:
        """Open it."""

    def lend(self) -> AbstractAsyncContextManager[Any]:
        """Return what takes a connection out of it, and puts it back."""

    def close(self) -> None:
        """Close it at once: all its users have gone."""
