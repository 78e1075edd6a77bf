"""Limits for a question on an event loop: its socket is shut down, and nothing is cancelled.

So what the application cancels is not mistaken for a limit, and no driver cancels the statement in
ways of its own: asyncpg opens another connection for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

from aurora_otel.drivers.common.deadline import (
    MOST_BYTES,
    AnswerTooLongError,
    Meter,
    against_floods,
    raising_limit,
)
from aurora_otel.runtime import sockets

# How often the bytes are counted: seconds, doubled up to the longest.
_FIRST = 0.001
_LONGEST = 0.005


@contextlib.contextmanager
def deadline(
    sock: sockets.SocketId | None,
    timeout: float,
    errors: type[Exception] | tuple[type[Exception], ...],
) -> Iterator[None]:
    """Shut `sock` down after `timeout` seconds or `MOST_BYTES`, unless the block has ended.

    For a block that awaits. As `drivers.common.deadline`, on timers of the running loop.

    Args:
        sock: the socket that the block waits for.
        timeout: seconds.
        errors: what the driver raises when its socket is gone.

    Raises:
        AnswerTooLongError: too many bytes came in.
        TimeoutError: the seconds are over.
    """
    watcher = _Watcher(sock, timeout)
    watcher.check(_FIRST)
    try:
        with against_floods(sock), raising_limit(lambda: watcher.over, errors):
            yield
    finally:
        watcher.stop()


class _Watcher:
    """Shuts a socket down once a limit is reached; `over` is the limit then."""

    def __init__(self, sock: sockets.SocketId | None, timeout: float) -> None:
        self.over: TimeoutError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sock = sock
        self._until = time.monotonic() + timeout
        self._meter = Meter(sock)
        self._loop = asyncio.get_running_loop()

    def stop(self) -> None:
        """Check no more."""
        if self._timer is not None:
            self._timer.cancel()

    def check(self, pause: float) -> None:
        """Shut the socket down if a limit is reached, or check again after so many seconds."""
        left = self._until - time.monotonic()
        if self._meter.count > MOST_BYTES:
            self.over = AnswerTooLongError()
        elif left <= 0:
            self.over = TimeoutError()
        if self.over is not None:
            sockets.shut_down(self._sock)
            return
        self._timer = self._loop.call_later(min(pause, left), self.check, min(2 * pause, _LONGEST))
