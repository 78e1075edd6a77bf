"""Writes facts, a line each, on a thread of its own."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, deque

from tests.chaos.facts import Fact, Raised, Tally, encode

_EVERY = 0.05


class Reporter:
    """Writes facts on standard output, from a thread of its own."""

    def __init__(self) -> None:
        self._facts: deque[Fact] = deque()
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        threading.Thread(target=self._write_on, name="reporter", daemon=True).start()

    def report(self, fact: Fact) -> None:
        """Report a fact; only appends."""
        self._facts.append(fact)

    def raised(self, where: str, error: BaseException | str, trace: str = "") -> None:
        """Report an exception where none of this kind may be."""
        text = error if isinstance(error, str) else f"{type(error).__qualname__}: {error}"
        self.report(Raised(time.monotonic(), where, text, trace))

    def count(self, what: str, times: int = 1) -> None:
        """Add to the tally."""
        with self._lock:
            self._counts[what] += times

    def sum_up(self) -> None:
        """Report the tally."""
        with self._lock:
            self.report(Tally(time.monotonic(), dict(self._counts)))
        self.flush()

    def flush(self) -> None:
        """Write what is to be reported."""
        while self._facts:
            sys.stdout.write(encode(self._facts.popleft()) + "\n")
        sys.stdout.flush()

    def _write_on(self) -> None:
        while True:
            time.sleep(_EVERY)
            self.flush()
