"""The threads of an application, and what becomes of their work."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.behaviour.sql import attempt

PATIENCE = 45.0


class Crew:
    """Threads that have done one unit of work each, and do more when they are told to.

    Args:
        threads: how many.
        unit: does one unit of work.
        leave: what each thread does in the end.

    Attributes:
        failures: of each thread.
    """

    def __init__(self, threads: int, unit: Callable[[], None], leave: Callable[[], None]) -> None:
        self._unit = unit
        self._leave = leave
        self._units = 0
        self._told = threading.Event()
        self._ready = threading.Barrier(threads + 1)
        self.failures: list[list[Exception]] = [[] for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._run, args=[failures], daemon=True)
            for failures in self.failures
        ]
        for thread in self._threads:
            thread.start()
        self._ready.wait(PATIENCE)

    def work(self, units: int) -> list[Exception]:
        """Do so many units together; return what failed. Nobody may wait for ever."""
        self._units = units // len(self._threads)
        self._told.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a unit of work has not ended"
        return [error for failures in self.failures for error in failures]

    def _run(self, failures: list[Exception]) -> None:
        try:
            self._unit()
        finally:
            self._ready.wait(PATIENCE)
        self._told.wait(PATIENCE)
        errors = (attempt(self._unit) for _ in range(self._units))
        failures += [error for error in errors if error is not None]
        self._leave()
