"""Something that a thread or a coroutine waits for and another thread opens, once.

No `threading.Condition`, and none of what is made of one: it is written in Python, and an exception
that a signal handler raises inside it may leave its lock held for ever.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable


class Gate:
    """A gate for one waiting thread, or one waiting coroutine."""

    def __init__(self) -> None:
        self._closed = threading.Lock()
        self._closed.acquire()
        self._opened: Callable[[], object] | None = None

    def open(self) -> None:
        """Allow the waiting thread to go on; from any thread, and once more does no harm."""
        with contextlib.suppress(RuntimeError):
            self._closed.release()
        if self._opened is not None:
            self._opened()

    def wait(self, seconds: float) -> bool:
        """Wait until it is open, for at most so many seconds; return whether it is."""
        return self._closed.acquire(timeout=max(0.0, seconds))

    def notify(self, opened: Callable[[], object]) -> None:
        """Have `opened` called once it is open, from the thread that opens it; perhaps twice.

        For a coroutine, instead of `wait`.
        """
        self._opened = opened
        # It may have been opened just before.
        if not self._closed.locked():
            opened()
