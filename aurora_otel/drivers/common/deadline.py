"""Limits for a question whose driver has none: its socket is shut down.

Seconds, and bytes: an answer that has no end would cost the application's memory until the seconds
are over. Bytes are counted where the system does (`traffic`); elsewhere seconds alone are a limit.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from aurora_otel.runtime import sockets, traffic
from aurora_otel.runtime.gate import Gate
from aurora_otel.runtime.throttle import throttled

# Sixteen instances answer with 4 KiB. A connection's first receive window has 64 KiB, of which a
# server may fill half: so a flood shows even while nothing is read.
MOST_BYTES = 24 * 1024
# A login brings the server's certificates, too: a few KiB each.
MOST_LOGIN_BYTES = 64 * 1024
# How often the bytes are counted, by how long nothing has come in: both in seconds.
_PACE = ((0.002, 0.0001), (0.02, 0.001), (float("inf"), 0.005))
# What a flood needs to show: seconds.
_MOMENT = 0.001


class AnswerTooLongError(TimeoutError):
    """An answer has more bytes than any that was asked for: waiting for its end is no use."""


def check_login(descriptor: int) -> None:
    """Raise `AnswerTooLongError` if more has come in on a new connection than a login may bring.

    Args:
        descriptor: of its socket; counted from its beginning.
    """
    if traffic.received(sockets.identify(descriptor)) > MOST_LOGIN_BYTES:
        raise AnswerTooLongError


class Meter:
    """Counts what a socket receives from now on.

    Attributes:
        sock: the socket.
    """

    def __init__(self, sock: sockets.SocketId | None) -> None:
        self.sock = sock
        self._before = traffic.received(sock)

    @property
    def counts(self) -> bool:
        """Whether the system counts what this socket receives."""
        return self._before >= 0

    @property
    def count(self) -> int:
        """The bytes, as far as they are counted."""
        return max(0, traffic.received(self.sock) - self._before)

    @property
    def has_to_read(self) -> bool:
        """Whether something that came in is still to be read, or that is not known."""
        return not self.counts or traffic.is_waiting(self.sock)

    def check(self) -> None:
        """Raise `AnswerTooLongError` if it was more than an answer may have."""
        if self.count > MOST_BYTES:
            raise AnswerTooLongError

    def check_before_reading_on(self) -> None:
        """Check before a read that nothing ends while more comes in: a flood shows meanwhile.

        For a second read and later ones: the answer of an Aurora comes in one piece.

        Raises:
            AnswerTooLongError: as `check`.
        """
        time.sleep(_MOMENT)
        self.check()

    def stop(self) -> None:
        """Shut the socket down, so that nothing more is read, not even what is there."""
        sockets.shut_down(self.sock)
        traffic.discard(self.sock)


@contextlib.contextmanager
def deadline(
    sock: sockets.SocketId | None,
    timeout: float,
    errors: type[Exception],
    *,
    may_throttle: bool = True,
) -> Iterator[None]:
    """Shut `sock` down after `timeout` seconds or `MOST_BYTES`, unless the block has ended.

    Args:
        sock: the socket that the block waits for.
        timeout: seconds.
        errors: what the driver raises when its socket is gone.
        may_throttle: whether the block may meet a trickle where a flood came: not where it holds
            the interpreter's lock meanwhile, and no other thread could end that.

    Raises:
        AnswerTooLongError: too many bytes came in.
        TimeoutError: the seconds are over.
    """
    watcher = _Watcher(sock, timeout)
    threading.Thread(target=watcher.run, name="aurora-otel-deadline", daemon=True).start()
    try:
        with against_floods(sock if may_throttle else None), raising_limit(watcher.end, errors):
            yield
    finally:
        watcher.end()


def against_floods(sock: sockets.SocketId | None) -> contextlib.AbstractContextManager[None]:
    """Have a socket receive little of an answer that is too long, also while no thread runs."""
    # One more than an answer may have, so that it shows.
    return throttled(sock, MOST_BYTES + 1)


@contextlib.contextmanager
def raising_limit(
    reached: Callable[[], TimeoutError | None],
    errors: type[Exception] | tuple[type[Exception], ...],
) -> Iterator[None]:
    """Raise the limit for which the socket of a block was shut down, if it was.

    Args:
        reached: returns the limit; called at the end of the block.
        errors: what the driver raises when its socket is gone.
    """
    try:
        yield
    except errors:
        if (over := reached()) is not None:
            raise over from None
        raise
    else:
        if (over := reached()) is not None:
            # The answer came in time, and the socket is gone all the same.
            raise over


class _Watcher:
    """Shuts a socket down once a limit is reached."""

    def __init__(self, sock: sockets.SocketId | None, timeout: float) -> None:
        self._sock = sock
        self._until = time.monotonic() + timeout
        self._meter = Meter(sock)
        self._ended = Gate()
        # What takes it first, the end of the block or a limit, decides what came of it.
        self._undecided = threading.Lock()
        self._over: TimeoutError | None = None

    def end(self) -> TimeoutError | None:
        """Watch no more; return the limit that was reached, if one was."""
        is_first = self._undecided.acquire(blocking=False)
        self._ended.open()
        return None if is_first else self._over

    def run(self) -> None:
        """Watch until a limit is reached, or `end` is called."""
        seen, since = 0, time.monotonic()
        while True:
            now, count = time.monotonic(), self._meter.count
            if count != seen:
                seen, since = count, now
            if now >= self._until or count > MOST_BYTES:
                break
            pause = next(pause for silence, pause in _PACE if now - since < silence)
            if self._ended.wait(min(pause, self._until - now)):
                return
        self._over = TimeoutError() if count <= MOST_BYTES else AnswerTooLongError()
        if self._undecided.acquire(blocking=False):
            sockets.shut_down(self._sock)
            # The driver would read on: what is there already, and what a fast server goes on to
            # send.
            while True:
                traffic.discard(self._sock)
                if self._ended.wait(_MOMENT):
                    return
