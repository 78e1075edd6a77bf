"""Tells facts, a line each, without holding up whoever knows one."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, deque

from tests.chaos.facts import Fact, Raised, Tally, encode

_EVERY = 0.05


class Teller:
    """Writes facts on standard output, from a thread of its own."""

    def __init__(self) -> None:
        self._facts: deque[Fact] = deque()
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        threading.Thread(target=self._write_on, name="teller", daemon=True).start()

    def tell(self, fact: Fact) -> None:
        """Tell a fact; only appends."""
        self._facts.append(fact)

    def raised(self, where: str, error: BaseException | str, trace: str = "") -> None:
        """Tell of an exception where none of this kind may be."""
        text = error if isinstance(error, str) else f"{type(error).__qualname__}: {error}"
        self.tell(Raised(time.monotonic(), where, text, trace))

    def count(self, what: str, times: int = 1) -> None:
        """Add to the tally."""
        with self._lock:
            self._counts[what] += times

    def sum_up(self) -> None:
        """Tell the tally."""
        with self._lock:
            self.tell(Tally(time.monotonic(), dict(self._counts)))
        self.flush()

    def flush(self) -> None:
        """Write what is to be told."""
        while self._facts:
            sys.stdout.write(encode(self._facts.popleft()) + "\n")
        sys.stdout.flush()

    def _write_on(self) -> None:
        while True:
            time.sleep(_EVERY)
            self.flush()
