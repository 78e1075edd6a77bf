"""A deadline for a call that has none of its own: its socket is shut down."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from aurora_otel.runtime import sockets


@contextlib.contextmanager
def deadline(
    sock: sockets.SocketId | None, timeout: float, errors: type[Exception]
) -> Iterator[None]:
    """Shut `sock` down after `timeout` seconds, unless the block has ended.

    Args:
        sock: the socket that the block waits for.
        timeout: seconds.
        errors: what the driver raises when its socket is gone.

    Raises:
        TimeoutError: it has come to that.
    """
    # Whoever takes it first, the end of the block or the timer, decides what came of it.
    decided = threading.Lock()

    def expire() -> None:
        if decided.acquire(blocking=False):
            sockets.shut_down(sock)

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except errors:
        if not decided.acquire(blocking=False):
            raise TimeoutError from None
        raise
    else:
        if not decided.acquire(blocking=False):
            # It came in time, and the socket is gone all the same.
            raise TimeoutError
    finally:
        timer.cancel()
