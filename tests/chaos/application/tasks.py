"""Tasks that use the database all the time, on an event loop with a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

from tests.chaos.application.calling import Caller
from tests.chaos.application.library import Library, LoopPool
from tests.chaos.application.pools import SIZE
from tests.chaos.application.reporting import Reporter

# Seconds after a connect that failed.
_RETRY = 0.1


async def warm_up(libraries: Sequence[Library]) -> None:
    """Use each driver once."""
    for library in libraries:
        connection = await library.connect("writer")
        await library.write(connection)
        await library.close(connection)


class EventLoop(threading.Thread):
    """The loop, with the tasks of all drivers for event loops.

    Args:
        libraries: those drivers.
        pools: of their connections.
        reporter: takes what the tasks report, and what the loop complains of.
        stopped: set when they are to end.
    """

    def __init__(
        self,
        libraries: Sequence[Library],
        pools: Sequence[LoopPool],
        reporter: Reporter,
        stopped: threading.Event,
    ) -> None:
        super().__init__(name="event loop", daemon=True)
        self._libraries = libraries
        self._pools = pools
        self._reporter = reporter
        self._stopped = stopped

    def run(self) -> None:
        """Run the tasks until they have ended."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._complain)
        tasks: list[Task] = []
        for library in self._libraries:
            tasks += [
                Single(library, self._reporter, "writer", in_transactions=False),
                Single(library, self._reporter, "private", in_transactions=True),
            ]
        for pool in self._pools:
            await pool.open()
            # One more than there are connections: they wait for each other.
            tasks += [PoolUser(each, pool, self._reporter) for each in range(1, SIZE + 2)]
        await asyncio.gather(*(task.run(self._stopped) for task in tasks))
        for pool in self._pools:
            pool.close()

    def _complain(self, _: Any, context: dict[str, Any]) -> None:
        self._reporter.raised("the event loop", f"{context}")


class Task(Caller):
    """One task of the application."""

    async def run(self, stopped: threading.Event) -> None:
        """Take turns until it is to end."""
        while not stopped.is_set():
            await asyncio.sleep(self.pause())
            with self.calling("turn"):
                await self.turn()
        with self.calling("leave"):
            await self.leave()

    async def turn(self) -> None:
        """Use the database once."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Close what it has."""


class Single(Task):
    """Writes on one connection at a time, that it opens again when the driver gave it up.

    Args:
        library: what it connects with.
        target: an endpoint or an instance.
        in_transactions: whether it writes twice in a transaction, or once without.
    """

    def __init__(
        self, library: Library, reporter: Reporter, target: str, *, in_transactions: bool
    ) -> None:
        kind = "transactions" if in_transactions else "autocommit"
        super().__init__(f"task by {library.name} to {target}, {kind}", library.errors, reporter)
        self._library = library
        self._target = target
        self._in_transactions = in_transactions
        self._connection: Any = None

    async def turn(self) -> None:
        """Connect, if need be, and write."""
        if self._connection is None:
            await self._connect()
        try:
            await self._write(self._connection)
        except self.errors:
            if self._library.is_closed(self._connection):
                await self.leave()
            raise
        # Connections come and go.
        if self.chance.random() < 1 / 50:
            await self.leave()

    async def _connect(self) -> None:
        try:
            self._connection = await self._library.connect(self._target)
        except self.errors:
            self.reporter.count("connects that failed")
            await asyncio.sleep(_RETRY)
            raise

    async def _write(self, connection: Any) -> None:
        begun = time.monotonic()
        if not self._in_transactions:
            self.wrote(begun, await self._library.write(connection), connection)
            return
        async with self._library.transaction(connection):
            for _ in range(2):
                self.wrote(begun, await self._library.write(connection), connection)

    async def leave(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._library.close(connection)


class PoolUser(Task):
    """Writes on connections of a pool.

    Args:
        number: which one of its users.
        pool: the pool.
    """

    def __init__(self, number: int, pool: LoopPool, reporter: Reporter) -> None:
        library = pool.library
        super().__init__(f"user {number} of {library.name}'s pool", library.errors, reporter)
        self._pool = pool

    async def turn(self) -> None:
        """Write once."""
        async with self._pool.lend() as connection:
            begun = time.monotonic()
            self.wrote(begun, await self._pool.library.write(connection), connection)
