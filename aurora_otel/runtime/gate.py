"""Something that one thread waits for and another one opens, once.

No `threading.Condition`, and none of what is made of one: it is written in Python, and an exception
that a signal handler raises inside it may leave its lock held for ever.
"""

from __future__ import annotations

import contextlib
import threading


class Gate:
    """A gate for one waiting thread."""

    def __init__(self) -> None:
        self._closed = threading.Lock()
        self._closed.acquire()

    def open(self) -> None:
        """Let the waiting thread go on; from any thread, and once more does no harm."""
        with contextlib.suppress(RuntimeError):
            self._closed.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it is open, for at most so many seconds; return whether it is."""
        return self._closed.acquire(timeout=max(0.0, seconds))
