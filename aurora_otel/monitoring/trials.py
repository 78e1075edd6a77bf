"""A login that may be refused is tried at one target at a time: each refusal counts for a lock.

Where that target does not answer for long, at one other: it may hang, or be slow to refuse.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aurora_otel.discovery.source import LoginPostponedError
from aurora_otel.runtime.gate import Gate

# Of an untested login, so many attempts may be without an outcome, for so many seconds: a server
# that has taken longer to refuse one was not seen.
_MOST_OPEN = 2
_OPEN_FOR = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """A login under way, and when it is given up: a thread may be held up for longer by a name."""

    until: float
    open_until: float
    ended: Gate = field(default_factory=Gate)


class Trials:
    """The logins under way whose outcome decides whether others may be tried.

    Used by the threads that ask a target each: one tries, the others wait.

    Args:
        clock: the monotonic clock.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._trial: _Trial | None = None
        # Those of untested logins whose outcome is not known.
        self._open: list[_Trial] = []

    @contextlib.contextmanager
    def turn(
        self, may_try: Callable[[], bool], until: float, patience: float, *, is_untested: bool
    ) -> Iterator[None]:
        """Try a login in the block, after the one that is under way.

        Args:
            may_try: whether the login may still be tried; asked again after each wait.
            until: when the login is given up, in seconds of the clock.
            patience: seconds to wait for the one under way at most.
            is_untested: whether the login may be refused.

        Raises:
            LoginPostponedError: it is not known yet what comes of others.
        """
        now = self._clock()
        own = _Trial(until, now + _OPEN_FOR)
        waits_until = now + patience
        while may_try() and (other := self._begin(own)) is not own:
            if not other.ended.wait(min(waits_until, other.until) - self._clock()):
                # A server that does not respond must not delay the refresh for longer.
                break
            # A gate is for one: the next that waits here is released by this one.
            other.ended.open()
        try:
            if is_untested:
                self._note_open(own)
            yield
        except TimeoutError:
            # It may be refused all the same.
            raise
        except BaseException:
            self._note_outcome(own)
            raise
        else:
            self._note_outcome(own)
        finally:
            with self._lock:
                if self._trial is own:
                    self._trial = None
            own.ended.open()

    def _note_open(self, own: _Trial) -> None:
        with self._lock:
            now = self._clock()
            self._open = [each for each in self._open if now < each.open_until]
            if len(self._open) >= _MOST_OPEN:
                raise LoginPostponedError("it is not known what came of this login elsewhere")
            self._open.append(own)

    def _note_outcome(self, own: _Trial) -> None:
        """Take note of what came of a login: that of the others is known by it."""
        with self._lock:
            if own in self._open:
                self._open.clear()

    def _begin(self, own: _Trial) -> _Trial:
        """Return the trial that is under way from now on: `own`, or another one."""
        with self._lock:
            if self._trial is None or self._clock() >= self._trial.until:
                self._trial = own
            return self._trial
