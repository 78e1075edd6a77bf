"""A deadline for a call that has none of its own: its socket is shut down."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from aurora_otel import cleanup


@contextlib.contextmanager
def deadline(
    sock: cleanup.SocketId | None, timeout: float, errors: type[Exception]
) -> Iterator[None]:
    """Shut `sock` down after `timeout` seconds, unless the block has ended.

    Args:
        sock: the socket that the block waits for.
        timeout: seconds.
        errors: what the driver raises when its socket is gone.

    Raises:
        TimeoutError: it has come to that.
    """
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        cleanup.shut_down(sock)

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except errors:
        if expired.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
