"""What the application does now and then, when it is told to: each in a thread that ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.chaos.application.database import ERRORS, WRITE, Database
from tests.chaos.application.telling import Teller
from tests.chaos.application.workers import Worker


class Errand(Worker):
    """Does one thing, and ends."""

    def __init__(self, name: str, errors: Any, teller: Teller, what: Callable[[], None]) -> None:
        super().__init__(name, errors, teller, threading.Event())
        self._what = what

    def run(self) -> None:
        """Do it."""
        with self.calling("errand"):
            self._what()


class Errands:
    """Starts errands.

    Args:
        database: where they go.
        teller: what they tell.
    """

    def __init__(self, database: Database, teller: Teller) -> None:
        self._database = database
        self._teller = teller
        self._threads: list[threading.Thread] = []

    def begin(self, name: str, choice: int) -> None:
        """Begin an errand: `read_only`, `leak` or `long_query`."""
        drivers = sorted(ERRORS)
        driver = drivers[choice % len(drivers)]
        target = self._database.targets[choice // 2 % len(self._database.targets)]
        connect = self._database.by(driver)
        what = {"read_only": _read_only, "leak": _leak, "long_query": _long_query}[name]
        errand = Errand(
            f"{name} by {driver} to {target}",
            ERRORS[driver],
            self._teller,
            lambda: what(connect, target),
        )
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(errand)
        errand.start()

    @property
    def threads(self) -> list[threading.Thread]:
        """Those that may still be at it."""
        return self._threads


def _read_only(connect: Callable[..., Any], target: str) -> None:
    """Write where the application itself has forbidden it."""
    connection = connect(target)
    try:
        for _ in range(3):
            cursor = connection.cursor()
            cursor.execute("SET TRANSACTION READ ONLY")
            try:
                cursor.execute(WRITE)
            finally:
                connection.rollback()
    finally:
        connection.close()


def _leak(connect: Callable[..., Any], target: str) -> None:
    """Drop connections that nobody closed: by themselves, and in a cycle."""
    connect(target).cursor().execute("SELECT 1")
    cycle: list[Any] = [connect(target)]
    cycle.append(cycle)


def _long_query(connect: Callable[..., Any], target: str) -> None:
    """Keep a server busy for a while."""
    connection = connect(target)
    try:
        connection.cursor().execute("SELECT pg_sleep(1.5)")
        connection.rollback()
    finally:
        connection.close()
