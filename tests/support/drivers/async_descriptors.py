"""The drivers for event loops under test: each on asyncio and on uvloop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import psycopg

from tests.support.drivers import awaited
from tests.support.drivers.descriptors import Descriptor, Place, _by_parameters, _libpq
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


def _on_each_loop(*args: Any, **others: Any) -> tuple[AsyncDescriptor, ...]:
    # uvloop resolves names in C, and psycopg itself in a thread.
    return tuple(
        AsyncDescriptor(*args, **others, variant=loop, loop=loop, takes_names=loop == "asyncio")
        for loop in awaited.LOOPS
    )


ASYNC_DRIVERS = (
    *_on_each_loop(
        "asyncpg",
        POSTGRESQL,
        "asyncpg",
        _asyncpg,
        code=lambda error: getattr(error, "sqlstate", None),
        has_upstream=False,
        wrapped=awaited.AsyncpgConnection,
        raised=(asyncpg.PostgresError, asyncpg.InterfaceError, OSError),
        connect_by=asyncpg.connect,
    ),
    *_on_each_loop(
        "psycopg",
        POSTGRESQL,
        "psycopg",
        _libpq,
        code=lambda error: error.sqlstate,
        has_upstream=False,
        wrapped=awaited.PsycopgConnection,
        raised=(psycopg.Error,),
        # Looked up late: other instrumentations wrap it.
        connect_by=lambda **login: psycopg.AsyncConnection.connect(**login),  # noqa: PLW0108
    ),
)
