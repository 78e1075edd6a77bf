"""Doubt about who the writer is, at random moments: what a refresh begins with."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.support.sql import attempt, run, write

# From here on the application itself may not write.
_READ_ONLY = {"postgresql": "SET TRANSACTION READ ONLY", "mysql": "START TRANSACTION READ ONLY"}
_LONGEST_PAUSE = 0.3


def cast_doubt(connection: Any, engine: str) -> None:
    """Write in a read-only transaction: a symptom like any other."""
    run(connection, _READ_ONLY[engine])
    attempt(lambda: write(connection))
    attempt(connection.rollback)


class Doubts(threading.Thread):
    """Casts doubt on the connections that it opens; a context manager.

    Args:
        opened: opens one.
        engine: of its server.
        chance: says when.
    """

    def __init__(self, opened: Callable[[], Any], engine: str, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self._is_over = threading.Event()
        self._opened = opened
        self._engine = engine
        self._chance = chance

    def __enter__(self) -> Doubts:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        """Go on until it is over."""
        while not self._is_over.wait(self._chance.uniform(0.0, _LONGEST_PAUSE)):
            attempt(lambda: cast_doubt(self._opened(), self._engine))


def until(seconds: float, chance: random.Random, do: Callable[[], object]) -> None:
    """Do something again and again for so many seconds, at random moments."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        do()
        time.sleep(chance.uniform(0.0, _LONGEST_PAUSE))
