"""Clients that are threads."""

import argparse
import contextlib
import threading
from collections.abc import Callable
from typing import Any, Protocol

from . import calls
from .calls import RECONNECT_AFTER, Calls
from .commands import obey
from .report import Report


class Database(calls.Database, Protocol):
    """A driver, and the statements for its servers.

    Attributes:
        table: creates the table that is written to.
        write: counts one more write of the client that is its parameter.
    """

    table: str
    write: str

    def connect(self) -> Any:
        """Open a connection, or take one out of a pool."""

    def close(self, connection: Any) -> None:
        """Close it, or put it back."""

    def execute(self, connection: Any, statement: str, *params: Any) -> None:
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
        self, name: str, database: Database, report: Report, stopped: threading.Event
    ) -> None:
        self._name = name
        self._database = database
        self._calls = Calls(name, database, report)
        self._stopped = stopped
        self._connection: Any = None
        self._number = 0

    def connect(self) -> bool:
        """Open the connection; return whether that worked."""
        with self._calls.connect() as connect:
            self._connection = self._database.connect()
        self._number = connect.number
        return connect.is_done

    def write(self) -> bool:
        """Write once; return whether it is settled, that is, not lost with the connection."""
        if self._connection is None and not self.connect():
            self._stopped.wait(RECONNECT_AFTER)
            return False
        with self._calls.write() as write:
            connection = write.on(self._connection, self._number)
            self._database.execute(connection, self._database.write, self._name)
        if write.is_lost:
            self.close()
        return not write.is_lost

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._database.close(connection)

    def write_on(self, every: float) -> None:
        """Write until the application stops, with a pause of `every` seconds."""
        while not self._stopped.is_set():
            self.write()
            self._stopped.wait(every)
        self.close()

    def write_once(self, wanted: threading.Event) -> None:
        """Hold the connection idle until it is `wanted`, and write once."""
        wanted.wait()
        while not self._stopped.is_set() and not self.write():
            pass
        self._stopped.wait()
        self.close()

    def write_afresh(self, every: float) -> None:
        """Open a connection of its own for one write, each `every` seconds."""
        while not self._stopped.wait(every):
            if self.connect():
                self.write()
                self.close()


class PooledClient(Client):
    """One user of a pool: a connection is taken for each write, and put back after it."""

    def write(self) -> bool:
        """Write once; return whether it is settled."""
        connection = None
        try:
            with self._calls.write() as write:
                connection = write.on(self._database.connect())
                self._database.execute(connection, self._database.write, self._name)
        finally:
            if connection is not None:
                self._database.close(connection)
        if connection is None:
            self._stopped.wait(RECONNECT_AFTER)
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
    database = plain(options.dsn)
    with contextlib.closing(database.connect()) as connection:
        database.execute(connection, database.table)
    report, stopped, wanted = Report(), threading.Event(), threading.Event()
    held = pool(options.dsn, options.writers + options.idle) if pool else database
    kind = PooledClient if pool else Client

    def clients(what: str, number: int) -> list[Client]:
        made = [kind(f"{what}-{each + 1}", held, report, stopped) for each in range(number)]
        for client in made:
            client.connect()
        return made

    writers, idle = clients("writer", options.writers), clients("idle", options.idle)
    if pool:
        # Now that all of them are open at once, they are idle in the pool.
        for client in (*writers, *idle):
            client.close()
    threads = [
        *(threading.Thread(target=each.write_on, args=[options.write_every]) for each in writers),
        *(threading.Thread(target=each.write_once, args=[wanted]) for each in idle),
    ]
    if options.fresh_every:
        fresh = Client("fresh", database, report, stopped)
        threads.append(threading.Thread(target=fresh.write_afresh, args=[options.fresh_every]))
    with report.written():
        for thread in threads:
            thread.start()
        obey(wanted.set, addresses)
        stopped.set()
        wanted.set()
        for thread in threads:
            thread.join()
