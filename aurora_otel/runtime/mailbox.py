"""What any thread puts, and one thread waits for and takes.

No `queue.SimpleQueue`: up to CPython 3.12, a `get` whose time is over before it begins to wait may
wait for ever. No `queue.Queue`, which is made of `threading.Condition`: see `runtime/gate`.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A mailbox with one thread that takes what is in it."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._is_empty = threading.Lock()
        self._is_empty.acquire()

    def put(self, item: T) -> None:
        """Put something in; from any thread, also from what interrupts `take`."""
        self._items.append(item)
        with contextlib.suppress(RuntimeError):
            self._is_empty.release()

    def take(self, seconds: float) -> list[T]:
        """Wait for something, for at most so many seconds; return all that is there by then.

        Nothing may be returned earlier: what woke this call was taken by the one before.
        """
        self._is_empty.acquire(timeout=0.0 if self._items else max(0.0, seconds))
        items = []
        while self._items:
            items.append(self._items.popleft())
        return items
