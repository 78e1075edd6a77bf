"""Targets that are asked still and that no refresh waits for: each ends by itself.

A login that has begun may go on. A server that is busy with the logins of many processes carries it
out in any case; another one would cost it as much again. What comes of it, a later refresh uses.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from aurora_otel.discovery.asking import Asking
from aurora_otel.discovery.kept import Kept
from aurora_otel.discovery.targets import Target

# A login may take so many seconds, though no refresh waits for it; so many of them at a time.
LATE = 10.0
MOST_LATE = 2
# So many threads may wait in vain for names to resolve.
_MOST = 8


class Abandoned:
    """Those of one cluster; used by one thread at a time, `close` apart."""

    def __init__(self) -> None:
        self._those: list[Asking] = []
        # What logged in late, and waits to be used: one at most. Set by the threads that ask.
        self._late: Asking | None = None
        self._lock = threading.Lock()

    @property
    def are_too_many(self) -> bool:
        """Whether no other target may be asked: too many threads wait in vain."""
        return len(self._under_way) >= _MOST

    @property
    def names(self) -> frozenset[str]:
        """The targets that are not answered yet; see `Target.name`."""
        return frozenset(each.target.name for each in self._under_way)

    @property
    def overdue(self) -> frozenset[str]:
        """Those of them that have had their time."""
        return frozenset(each.target.name for each in self._under_way if each.is_late)

    def take_unheard(self, now: float) -> dict[str, float]:
        """Return what had its time and gave no answer, and until when; see `Target.name`.

        What is asked still has given none until now; what has been given up, until that: once.
        """
        ended = [each for each in self._those if not each.is_alive]
        self._those = [each for each in self._those if each not in ended]
        given_up = {
            each.target.name: each.in_vain_until for each in ended if each.in_vain_until is not None
        }
        return given_up | dict.fromkeys(self.overdue, now)

    @property
    def logged_in(self) -> str | None:
        """The target whose login came late, and waits to be used; see `Target.name`."""
        late = self._late
        return late.target.name if late is not None and late.connection is not None else None

    def longest(self, others: Iterable[Asking]) -> float:
        """Return the seconds that another login may take; 0: no longer than it is waited for.

        Args:
            others: those that are waited for.
        """
        late = sum(each.may_be_late for each in [*self._those, *others])
        return LATE if late < MOST_LATE else 0.0

    def add(self, those: Iterable[Asking], *, may_go_on: bool) -> None:
        """Abandon some.

        Args:
            those: which.
            may_go_on: whether a login that is under way may be used later.
        """
        for each in those:
            each.abandon(self._keep if may_go_on else None)
            self._those.append(each)

    def take(self, target: Target) -> Kept | None:
        """Return the connection to `target` that came late, to be used; `None`: there is none."""
        late = self._late
        if late is None or late.target != target:
            return None
        self._late = None
        return late.take()

    def close(self) -> None:
        """Close what came late, and what is still to come once it does; from any thread."""
        for each in [*self._those, *filter(None, [self._late])]:
            each.abandon()

    def _keep(self, asking: Asking) -> None:
        with self._lock:
            is_first = self.logged_in is None
            if is_first:
                self._late = asking
        if not is_first:
            asking.close()

    @property
    def _under_way(self) -> list[Asking]:
        return [each for each in self._those if each.is_alive]
