"""When the RDS API is asked again.

Pure. The API is shared by everything in an account, and many processes see the same failover at the
same moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from aurora_otel.discovery.rds.answers import Trouble

_GROWTH = 1.5


class Steps(NamedTuple):
    """How far questions are apart, in multiples of REFRESH_INTERVAL, by default seconds.

    Attributes:
        first: the first step to the next question.
        longest: the longest one; each is half as long again as the one before.
    """

    first: float
    longest: float


# It answered, and refreshes go on finding no writer.
ANSWERED = Steps(2.0, 30.0)
# It cannot keep up, or does not answer.
TROUBLED = Steps(10.0, 300.0)
# An operator has to change something first.
HOPELESS = Steps(600.0, 600.0)
_PASSING = (Trouble.THROTTLED, Trouble.UNREACHABLE, Trouble.FAILED)


class Pace:
    """How often the API is asked about one cluster.

    Args:
        random: a number in [0, 1), for the jitter.

    Attributes:
        next: when it may be asked again, in seconds of the monotonic clock.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self.next = float("-inf")
        self._random = random
        self._steps = ANSWERED
        self._step = 0.0

    def asked(self, trouble: Trouble | None, now: float, interval: float) -> None:
        """Take note that it was asked.

        Args:
            trouble: why it gave no answer; `None` if it did.
            now: seconds of the monotonic clock.
            interval: `REFRESH_INTERVAL`.
        """
        steps = ANSWERED if trouble is None else TROUBLED if trouble in _PASSING else HOPELESS
        if steps is not self._steps or now - self.next > steps.longest * interval:
            self._steps, self._step = steps, 0.0
        self._step = min(self._step * _GROWTH or steps.first, steps.longest)
        self.next = now + self._step * interval * (0.75 + self._random() / 2)
