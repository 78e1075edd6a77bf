"""A login that may be refused is tried at one target at a time: each refusal counts for a lock."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aurora_otel.runtime.gate import Gate


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """A login under way, and when it is given up: a thread may be held up for longer by a name."""

    until: float
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

    @contextlib.contextmanager
    def turn(self, may_try: Callable[[], bool], until: float, patience: float) -> Iterator[None]:
        """Try a login in the block, after the one that is under way.

        Args:
            may_try: whether the login may still be tried; asked again after each wait.
            until: when the login is given up, in seconds of the clock.
            patience: seconds to wait for the one under way at most.
        """
        own = _Trial(until)
        waits_until = self._clock() + patience
        while may_try() and (other := self._begin(own)) is not own:
            if not other.ended.wait(min(waits_until, other.until) - self._clock()):
                # A server that does not respond must not delay the refresh for longer.
                break
            # A gate is for one: the next that waits here is released by this one.
            other.ended.open()
        try:
            yield
        finally:
            with self._lock:
                if self._trial is own:
                    self._trial = None
            own.ended.open()

    def _begin(self, own: _Trial) -> _Trial:
        """Return the trial that is under way from now on: `own`, or another one."""
        with self._lock:
            if self._trial is None or self._clock() >= self._trial.until:
                self._trial = own
            return self._trial
