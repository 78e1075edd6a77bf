"""The threads of an application, and what becomes of their work."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.support.sql import attempt
from tests.support.waiting import PATIENCE


class Crew:
    """Threads that have done one unit of work each, and do more when that is requested.

    Args:
        threads: how many.
        unit: does one unit of work.
        leave: what each thread does in the end.
    """

    def __init__(self, threads: int, unit: Callable[[], None], leave: Callable[[], None]) -> None:
        self._unit = unit
        self._leave = leave
        self._units = 0
        self._wanted = threading.Event()
        self._ready = threading.Barrier(threads + 1)
        # What came of each unit, by thread: an exception, or nothing.
        self._outcomes: list[list[Exception | None]] = [[] for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._run, args=[outcomes], daemon=True)
            for outcomes in self._outcomes
        ]
        for thread in self._threads:
            thread.start()
        self._ready.wait(PATIENCE)

    @property
    def failures(self) -> list[list[Exception]]:
        """What failed, by thread."""
        return [[each for each in outcomes if each] for outcomes in self._outcomes]

    def work(self, units: int) -> list[Exception]:
        """Do so many units together; return what failed. No thread may wait for ever."""
        self._units = units // len(self._threads)
        self._wanted.set()
        for thread, outcomes in zip(self._threads, self._outcomes, strict=True):
            done = -1
            while thread.is_alive():
                assert len(outcomes) > done, "a unit of work has not ended"
                done = len(outcomes)
                thread.join(PATIENCE)
            assert len(outcomes) == self._units
        return [error for failures in self.failures for error in failures]

    def _run(self, outcomes: list[Exception | None]) -> None:
        try:
            self._unit()
        finally:
            self._ready.wait(PATIENCE)
        self._wanted.wait()
        for _ in range(self._units):
            outcomes.append(attempt(self._unit))  # noqa: PERF401 - how far it is, is read meanwhile
        self._leave()
