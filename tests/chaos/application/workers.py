"""Threads that use the database all the time, each in its own way."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from typing import Any

from tests.chaos.application.calling import Caller
from tests.chaos.application.database import Database, Pool
from tests.chaos.application.reporting import Reporter

# Seconds after a connect that failed.
_RETRY = 0.1


class Worker(threading.Thread, Caller):
    """One thread of the application.

    Args:
        name: what it is called.
        errors: what its driver or pool raises.
        reporter: takes what it reports.
        stopped: set when it is to end.
    """

    def __init__(
        self, name: str, errors: Any, reporter: Reporter, stopped: threading.Event
    ) -> None:
        threading.Thread.__init__(self, name=name, daemon=True)
        Caller.__init__(self, name, errors, reporter)
        self.stopped = stopped

    def run(self) -> None:
        """Take turns until it is to end."""
        while not self.stopped.wait(self.pause()):
            with self.calling("turn"):
                self.turn()
        with self.calling("leave"):
            self.leave()

    def turn(self) -> None:
        """Use the database once."""
        raise NotImplementedError

    def leave(self) -> None:
        """Close what it has."""


class Single(Worker):
    """A worker with one connection at a time, that it opens again when the driver gave it up.

    Args:
        database: what it connects to.
        driver: one of the database's.
        target: an endpoint or an instance.
        autocommit: whether each statement is a transaction.
    """

    def __init__(  # noqa: PLR0913 - what differs between workers
        self,
        database: Database,
        reporter: Reporter,
        stopped: threading.Event,
        *,
        driver: str,
        target: str,
        autocommit: bool = True,
    ) -> None:
        kind = "autocommit" if autocommit else "transactions"
        name = f"{type(self).__name__} by {driver} to {target}, {kind}"
        super().__init__(name, database.errors[driver], reporter, stopped)
        self.database = database
        self.autocommit = autocommit
        self.connection: Any = None
        self._open = lambda: database.connect(driver, target, autocommit=autocommit)

    def turn(self) -> None:
        """Connect, if need be, and do it."""
        if self.connection is None:
            self._connect()
        try:
            self.use(self.connection)
            if not self.autocommit:
                self.connection.commit()
        except self.errors:
            self.recover()
            raise
        # Connections come and go.
        if self.chance.random() < 1 / 50:
            self.leave()

    def use(self, connection: Any) -> None:
        """Do it."""
        raise NotImplementedError

    def _connect(self) -> None:
        try:
            self.connection = self._open()
        except self.errors:
            self.reporter.count("connects that failed")
            self.stopped.wait(_RETRY)
            raise

    def recover(self) -> None:
        """Do as applications do after an error."""
        if self.database.is_closed(self.connection):
            self.leave()
        elif not self.autocommit:
            with self.calling("rollback"):
                self.connection.rollback()

    def leave(self) -> None:
        """Close the connection."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class Writer(Single):
    """Writes, in a transaction twice."""

    def use(self, connection: Any) -> None:
        """Write."""
        begun = time.monotonic()
        for _ in range(1 if self.autocommit else 2):
            self.wrote(begun, self.database.write(connection), connection)


class Reader(Single):
    """Reads."""

    def use(self, connection: Any) -> None:
        """Read."""
        cursor = connection.cursor()
        cursor.execute(self.database.read)
        cursor.fetchall()
        self.reporter.count("reads")


class PoolUser(Worker):
    """Writes on connections of a pool.

    Args:
        number: which one of its users.
        pool: the pool.
    """

    def __init__(
        self, number: int, pool: Pool, reporter: Reporter, stopped: threading.Event
    ) -> None:
        super().__init__(f"user {number} of {pool.name}", pool.errors, reporter, stopped)
        self._pool = pool

    def turn(self) -> None:
        """Write once."""
        self._pool.write(self.wrote)


def stacks(threads: list[threading.Thread]) -> tuple[str, ...]:
    """Return what these threads are doing."""
    frames = sys._current_frames()
    return tuple(
        f"{thread.name}:\n" + "".join(traceback.format_stack(frames[thread.ident]))
        for thread in threads
        if thread.ident in frames
    )
