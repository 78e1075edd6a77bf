"""Clients that are tasks of one event loop."""

import argparse
import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Protocol

from . import calls
from .calls import RECONNECT_AFTER, Calls
from .commands import obey
from .report import Report


class Database(calls.Database, Protocol):
    """A driver for event loops: as that for threads, and awaited."""

    table: str
    write: str

    async def connect(self) -> Any:
        """Open a connection, or take one out of a pool."""

    async def close(self, connection: Any) -> None:
        """Close it, or put it back."""

    async def execute(self, connection: Any, statement: str, *params: Any) -> None:
        """Run a statement."""


class Client:
    """One user of the database, with one connection at a time.

    Args:
        name: what it is called.
        database: which it uses.
        report: takes its calls.
        stopped: set when it is to end.
    """

    def __init__(
        self, name: str, database: Database, report: Report, stopped: asyncio.Event
    ) -> None:
        self._name = name
        self._database = database
        self._calls = Calls(name, database, report)
        self._stopped = stopped
        self._connection: Any = None
        self._number = 0

    async def connect(self) -> bool:
        """Open the connection; return whether that worked."""
        with self._calls.connect() as connect:
            self._connection = await self._database.connect()
        self._number = connect.number
        return connect.is_done

    async def write(self) -> bool:
        """Write once; return whether it is settled, that is, not lost with the connection."""
        if self._connection is None and not await self.connect():
            await self._pause(RECONNECT_AFTER)
            return False
        with self._calls.write() as write:
            connection = write.on(self._connection, self._number)
            await self._database.execute(connection, self._database.write, self._name)
        if write.is_lost:
            await self.close()
        return not write.is_lost

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._database.close(connection)

    async def write_on(self, every: float) -> None:
        """Write until the application stops, with a pause of `every` seconds."""
        while not self._stopped.is_set():
            await self.write()
            await self._pause(every)
        await self.close()

    async def write_once(self, wanted: asyncio.Event) -> None:
        """Hold the connection idle until it is `wanted`, and write once."""
        await wanted.wait()
        while not self._stopped.is_set() and not await self.write():
            pass
        await self._stopped.wait()
        await self.close()

    async def write_afresh(self, every: float) -> None:
        """Open a connection of its own for one write, each `every` seconds."""
        while not await self._pause(every):
            if await self.connect():
                await self.write()
                await self.close()

    async def _pause(self, seconds: float) -> bool:
        """Wait, at most until the application stops; return whether it does."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
        return self._stopped.is_set()


class PooledClient(Client):
    """One user of a pool: a connection is taken for each write, and put back after it."""

    async def write(self) -> bool:
        """Write once; return whether it is settled."""
        connection = None
        try:
            with self._calls.write() as write:
                connection = write.on(await self._database.connect())
                await self._database.execute(connection, self._database.write, self._name)
        finally:
            if connection is not None:
                await self._database.close(connection)
        if connection is None:
            await self._pause(RECONNECT_AFTER)
        return connection is not None and not write.is_lost


def run(
    plain: Callable[[str], Database],
    pool: Callable[[str, int], Database] | None,
    options: argparse.Namespace,
    addresses: dict[str, str],
) -> None:
    """Run until standard input says `stop`.

    Args:
        plain: makes what opens connections.
        pool: makes what holds as many of them as there are clients, if that is to be a pool.
        options: of the command line.
        addresses: what names resolve to.
    """
    asyncio.run(_run(plain(options.dsn), pool, options, addresses))


async def _run(
    database: Database,
    pool: Callable[[str, int], Database] | None,
    options: argparse.Namespace,
    addresses: dict[str, str],
) -> None:
    connection = await database.connect()
    await database.execute(connection, database.table)
    await database.close(connection)
    report, stopped, wanted = Report(), asyncio.Event(), asyncio.Event()
    held = pool(options.dsn, options.writers + options.idle) if pool else database
    kind = PooledClient if pool else Client

    async def clients(what: str, number: int) -> list[Client]:
        made = [kind(f"{what}-{each + 1}", held, report, stopped) for each in range(number)]
        for client in made:
            await client.connect()
        return made

    writers, idle = await clients("writer", options.writers), await clients("idle", options.idle)
    if pool:
        # Now that all of them are open at once, they are idle in the pool.
        for client in (*writers, *idle):
            await client.close()
    work = [
        *(each.write_on(options.write_every) for each in writers),
        *(each.write_once(wanted) for each in idle),
    ]
    if options.fresh_every:
        fresh = Client("fresh", database, report, stopped)
        work.append(fresh.write_afresh(options.fresh_every))
    loop = asyncio.get_running_loop()
    with report.written():
        tasks = [asyncio.ensure_future(each) for each in work]
        await asyncio.to_thread(obey, lambda: loop.call_soon_threadsafe(wanted.set), addresses)
        stopped.set()
        wanted.set()
        await asyncio.gather(*tasks)
