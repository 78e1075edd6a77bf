"""What the application does now and then, on command: each in a thread that ends."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from tests.chaos.application.database import Database
from tests.chaos.application.reporting import Reporter
from tests.chaos.application.workers import Worker

# Opens a connection.
Connect = Callable[[], Any]


class Errand(Worker):
    """Does one thing, and ends."""

    def __init__(
        self, name: str, errors: Any, reporter: Reporter, what: Callable[[], None]
    ) -> None:
        super().__init__(name, errors, reporter, threading.Event())
        self._what = what

    def run(self) -> None:
        """Do it."""
        with self.calling("errand"):
            self._what()


class Errands:
    """Starts errands.

    Args:
        database: where they go.
        reporter: takes what they report.
    """

    def __init__(self, database: Database, reporter: Reporter) -> None:
        self._database = database
        self._reporter = reporter
        self._threads: list[threading.Thread] = []

    def begin(self, name: str, choice: int) -> None:
        """Begin an errand: `read_only`, `leak` or `long_query`."""
        database = self._database
        driver = database.drivers[choice % len(database.drivers)]
        target = database.targets[choice // 2 % len(database.targets)]
        what = _ERRANDS[name]
        errand = Errand(
            f"{name} by {driver} to {target}",
            database.errors[driver],
            self._reporter,
            lambda: what(database, lambda: database.connect(driver, target)),
        )
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(errand)
        errand.start()

    @property
    def threads(self) -> list[threading.Thread]:
        """Those that may still be at it."""
        return self._threads


def _read_only(database: Database, connect: Connect) -> None:
    """Write where the application itself has forbidden it."""
    with contextlib.closing(connect()) as connection:
        connection.cursor().execute(database.begin_read_only)
        database.write(connection)


def _leak(database: Database, connect: Connect) -> None:
    """Drop connections without closing them: by themselves, and in a cycle."""
    connect().cursor().execute(database.read)
    cycle: list[Any] = [connect()]
    cycle.append(cycle)


def _long_query(database: Database, connect: Connect) -> None:
    """Keep a server busy for a while."""
    with contextlib.closing(connect()) as connection:
        connection.cursor().execute(database.long_query)
        connection.rollback()


_ERRANDS = {"read_only": _read_only, "leak": _leak, "long_query": _long_query}
