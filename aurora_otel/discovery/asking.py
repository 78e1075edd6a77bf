"""One target asked, on a thread of its own.

Connecting may resolve a name, which nothing can interrupt. So the refresh waits for the thread no
longer than it has time, and then abandons it: the thread closes its connection itself when it ends.
Where many processes log in at one moment, a server answers late, and it carries a login out that
was given up all the same: so one that has begun may go on, and a later refresh asks over it.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Protocol

from aurora_otel.discovery.kept import Kept
from aurora_otel.discovery.source import Rows
from aurora_otel.discovery.targets import Target
from aurora_otel.drivers.protocol import Monitor


class Connect(Protocol):
    """Opens connections of the agent's own."""

    def __call__(
        self, target: Target, timeout: float, longest: float = 0.0, *, is_urgent: bool = False
    ) -> Monitor:
        """Return a connection to `target`.

        Args:
            target: the target.
            timeout: seconds for which it is waited for.
            longest: seconds after which it is given up, if that is later.
            is_urgent: whether a claim waits for what it says: then the pace of logins does not
                count.

        Raises:
            LoginNotAllowedError: no login may be used there.
            Exception: the driver's own.
        """


class Asking:
    """A target being asked.

    Attributes:
        target: the target.
        until: when it is given up, in seconds of the monotonic clock.
        began: when it began.
        connection: the agent's connection to it, once that is open.
        is_own: whether that leads, or led, to an instance's own name.
        rows: the answer, once it is there.
        error: what went wrong.
        in_vain_until: when it ended, if there was no answer in all that time.

    Args:
        target: the target.
        kept: the connection to it, if one is open already.
        connect: opens one; called with the seconds that are waited for it, and those that it may
            take.
        statement: the question.
        times: when it begins, and when it is given up.
        longest: seconds that its login may take.
        clock: the monotonic clock.
        ended: called on its thread when it has ended, unless it was abandoned.
    """

    def __init__(  # noqa: PLR0913 - all that a thread needs
        self,
        target: Target,
        kept: Kept | None,
        *,
        connect: Callable[[Target, float, float], Monitor],
        statement: str,
        times: tuple[float, float],
        longest: float,
        clock: Callable[[], float],
        ended: Callable[[Asking], None],
    ) -> None:
        self.target = target
        self.began, self.until = times
        self.connection = kept.connection if kept else None
        self.is_own = kept.is_own if kept else target.is_own
        self.rows: Rows | None = None
        self.error: Exception = ConnectionError("not asked")
        self.in_vain_until: float | None = None
        self._connect = connect
        self._longest = longest
        self._statement = statement
        self._clock = clock
        self._ended = ended
        self._is_cancelled = False
        # Which side closes the connection: the thread, or the one that waits for it. Both are the
        # agent's own.
        self._lock = threading.Lock()
        self._has_ended = False
        self._is_abandoned = False
        self._then: Callable[[Asking], None] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: the interpreter is shutting down.
        """
        # In the caller's context: what the agent asks has no spans of its own.
        run = contextvars.copy_context().run
        thread = threading.Thread(
            target=run, args=(self._run,), name="aurora-otel-ask", daemon=True
        )
        self._thread = thread
        thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether its thread has not ended."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def is_late(self) -> bool:
        """Whether it has had its time."""
        return self._clock() >= self.until

    def cancel(self) -> None:
        """Make it end soon; from any thread."""
        self._is_cancelled = True
        if (connection := self.connection) is not None:
            with contextlib.suppress(Exception):
                connection.abort()

    @property
    def may_be_late(self) -> bool:
        """Whether its login may take longer than it is waited for, and is under way."""
        return self._longest > self.until - self.began and self.is_alive

    def abandon(self, then: Callable[[Asking], None] | None = None) -> None:
        """Wait for it no longer: its connection is closed when it ends.

        Args:
            then: has a login that is under way go on, and is called on its thread once that has
                brought a connection. Abandoned once more, without this, that is closed after all.
        """
        with self._lock:
            self._is_abandoned = True
            has_ended = self._has_ended
            goes_on = self.may_be_late and self.connection is None and not has_ended
            self._then = then if goes_on else None
            is_over = self._then is None
        if is_over:
            self.cancel()
            if has_ended:
                self.close()

    def take(self) -> Kept | None:
        """Return the connection that came late, to be used; `None`: it was closed."""
        connection, self.connection = self.connection, None
        if connection is None:
            return None
        return Kept(self.target.instance or "", connection, self.target.is_own)

    def close(self) -> None:
        """Close its connection, if one is open."""
        connection, self.connection = self.connection, None
        if connection is not None:
            # It is gone for the agent, whatever its driver says.
            with contextlib.suppress(Exception):
                connection.close()

    def _run(self) -> None:
        try:
            self.rows = self._ask()
        except Exception as error:  # noqa: BLE001 - drivers raise what they like
            _release_frames(error)
            self.error = error
            if isinstance(error, TimeoutError):
                self.in_vain_until = self._clock()
        finally:
            with self._lock:
                self._has_ended = True
                is_abandoned, then = self._is_abandoned, self._then
            if not is_abandoned:
                self._ended(self)
            elif then is None or self.connection is None:
                self.close()
            else:
                then(self)

    def _ask(self) -> Rows:
        if self.connection is None:
            connection = self._connect(self.target, self._left(), self._longest)
            with self._lock:
                self.connection = connection
                is_late = self._is_abandoned
            if is_late:
                return []
        if self._is_cancelled:
            raise ConnectionAbortedError("cancelled")
        return self.connection.ask(self._statement, self._left())

    def _left(self) -> float:
        return max(self.until - self._clock(), 0.001)


def _release_frames(error: BaseException) -> None:
    """Release what the frames of an error, and of those that led to it, hold on to.

    A driver's frames hold the socket on which it failed to connect, and this thread's hold the
    error: a circle, and the socket would stay open until the garbage collector finds it.
    """
    errors: list[BaseException | None] = [error]
    released: set[int] = set()
    while errors:
        each = errors.pop()
        if each is not None and id(each) not in released:
            released.add(id(each))
            each.__traceback__ = None
            errors += (each.__cause__, each.__context__)
