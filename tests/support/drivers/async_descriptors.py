"""The drivers for event loops under test: each on asyncio and on uvloop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.support.drivers import awaited
from tests.support.drivers.descriptors import Descriptor, Place, _by_parameters
from tests.support.drivers.engines import POSTGRESQL


@dataclass(frozen=True)
class AsyncDescriptor(Descriptor):
    """One driver on one kind of loop.

    Attributes:
        loop: the kind of loop.
        wrapped: makes its connections speak the synchronous DB-API.
        raised: what it raises for trouble with the server or the network.
        connect_by: its coroutine function that connects.
    """

    loop: str = "asyncio"
    wrapped: Callable[[awaited.Loop, Any], awaited.Connection] = awaited.Connection
    raised: tuple[type[Exception], ...] = ()
    connect_by: Callable[..., Any] = asyncpg.connect

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Return the exceptions that it raises for trouble with the server or the network."""
        return self.raised

    def open(self, arguments: Mapping[str, Any]) -> Any:
        """Connect on the loop."""
        loop = awaited.loop(self.loop)
        return self.wrapped(loop, loop.run(self.connect_by(**arguments)))

    def outcome(self, found: Any) -> Any:
        """Await it on the loop."""
        return awaited.loop(self.loop).run(found)


def _asyncpg(place: Place) -> dict[str, Any]:
    return {**_by_parameters(place), "timeout": 60}


ASYNC_DRIVERS = tuple(
    AsyncDescriptor(
        "asyncpg",
        POSTGRESQL,
        "asyncpg",
        _asyncpg,
        code=lambda error: getattr(error, "sqlstate", None),
        variant=loop,
        has_upstream=False,
        # uvloop resolves names in C.
        takes_names=loop == "asyncio",
        loop=loop,
        wrapped=awaited.AsyncpgConnection,
        raised=(asyncpg.PostgresError, asyncpg.InterfaceError, OSError),
    )
    for loop in awaited.LOOPS
)
