"""What the application connects to, whatever the engine: connections are counted as they come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aurora_otel.drivers.marks import track_of
from tests.chaos.application.library import Library, LoopPool


class Database:
    """The cluster, as the application knows it.

    Attributes:
        drivers: the drivers' names; workers take turns with them.
        errors: what each driver raises.
        writes: statements that write; the last one returns which instance that was.
        read: a statement that reads.
        long_query: a statement that takes its time.
        begin_read_only: a statement after which a transaction may not write.
        targets: where one can connect to.
        password: the one in force.
        received: how many connections the application received.
        given_up: how many it gave up that the agent had tracked already.
    """

    drivers: tuple[str, ...] = ()
    errors: Mapping[str, type[Exception]] = {}
    writes: tuple[str, ...] = ()
    read = ""
    long_query = ""
    begin_read_only = ""

    def __init__(self, targets: tuple[str, ...], password: str) -> None:
        self.targets = targets
        self.password = password
        self.received = 0
        self.given_up = 0
        self._lock = threading.Lock()

    def connect(self, driver: str, target: str, *, autocommit: bool = False) -> Any:
        """Connect with one of the drivers."""
        raise NotImplementedError

    def is_closed(self, connection: Any) -> bool:
        """Whether the driver takes a connection for closed."""
        raise NotImplementedError

    def write(self, connection: Any) -> str:
        """Write; return the instance that accepted it, by its own word."""
        cursor = connection.cursor()
        for statement in self.writes:
            cursor.execute(statement)
        ((instance,),) = cursor.fetchall()
        return str(instance)

    def libraries(self) -> tuple[Library, ...]:
        """Return its drivers for event loops."""
        raise NotImplementedError

    def loop_pools(self) -> tuple[LoopPool, ...]:
        """Return new pools for event loops, not open yet."""
        return ()

    def pools(self) -> list[Pool]:
        """Return new pools, open."""
        raise NotImplementedError

    def count(self, connection: Any) -> Any:
        """Count a connection that was received, and return it."""
        with self._lock:
            self.received += 1
        return connection

    def count_given_up(self) -> None:
        """Count a connection that is not received, because its connect was cancelled."""
        with self._lock:
            self.given_up += 1


class Pool(Protocol):
    """A pool of connections to the writer.

    Attributes:
        name: the library's.
        errors: what it raises, and lets through.
    """

    name: str
    errors: Any

    def write(self, report: Callable[[float, str, Any], None]) -> None:
        """Write on one of its connections; report when that began, what accepted it, on which."""

    def close(self) -> None:
        """Close it."""


def tracked(connection: Any) -> str | None:
    """Return where the agent takes a connection to lead."""
    # asyncpg's pool hands out a stand-in.
    track = track_of(getattr(connection, "_con", connection))
    return track.instance if track is not None else None
