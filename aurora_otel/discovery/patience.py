"""How long instances may take to answer, by how they answered before.

Times are seconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.discovery.course import Course

# Each target has this share of the budget, to connect and to answer. The known writer has it in
# full where a claim stands against it, also if the budget ends meanwhile: a refresh takes one
# budget and a half at most. Where an instance is called by its address, that one has `LASTING`.
SHARE = 0.5
# While nothing answers, each refresh has twice the time of the one before, up to this multiple: a
# server on which every process logs in at the same moment answers late.
MOST_PATIENCE = 8.0
# What was silent is left alone for this many budgets: longer than a refresh.
SILENCE = 2.0
# Where nothing but its own word shows that a server accepts writes, its silence counts once it has
# lasted for so many seconds. What nothing was asked of for so many may have answered meanwhile.
LASTING = 3.0
_GAP = 10.0


class Patience:
    """What one cluster's refreshes learn of the time that answers take.

    Attributes:
        factor: by which the next refresh's budget is multiplied.
        was_in_vain: whether no target answered in the last refresh, and one or more were silent.
    """

    def __init__(self) -> None:
        self.factor = 1.0
        self.was_in_vain = False
        # What was silent: until when it is left alone. See `Beforehand.silent`.
        self._silent: dict[str, float] = {}
        # What gave no answer since it last did: when it was asked first, and given up last.
        self._unheard: dict[str, tuple[float, float]] = {}

    def silent(self, now: float) -> frozenset[str]:
        """Return the names of the targets that are left alone still."""
        self._silent = {name: until for name, until in self._silent.items() if until > now}
        return frozenset(self._silent)

    def was_silent(self, name: str, until: float) -> None:
        """Take note of a target that did not answer in time, and is left alone for a while."""
        self._silent[name] = until

    def lasting(self, unheard: Mapping[str, float], now: float) -> frozenset[str]:
        """Return what has given no answer for long enough to count as gone.

        Args:
            unheard: what was waited for no longer and was asked all the same, and until when it
                gave no answer.
            now: seconds of the monotonic clock.
        """
        known = {
            name: (first, max(last, unheard.get(name, last)))
            for name, (first, last) in self._unheard.items()
        }
        self._unheard = {name: each for name, each in known.items() if now - each[1] <= _GAP}
        return frozenset(
            name for name, (first, last) in self._unheard.items() if last - first >= LASTING
        )

    def gave_none(self, name: str, began: float, now: float) -> None:
        """Take note of an instance or a host that gave no answer, and since when it was asked."""
        first, last = self._unheard.get(name, (began, began))
        self._unheard[name] = (first if began - last <= _GAP else began, now)

    def answered(self, instance: str, name: str) -> None:
        """Take note that `instance` has answered, where it was asked by `name`."""
        for each in (instance, name):
            self._silent.pop(each, None)
            self._unheard.pop(each, None)

    def learn(self, course: Course) -> None:
        """Give the next refresh more time, or less, by what came of this one."""
        self.was_in_vain = course.was_silent and not course.plan.reached
        if course.plan.is_cut_short:
            # All that can be reached have to be heard.
            self._lengthen()
        elif course.plan.reached:
            if course.took < course.budget * SHARE / 4:
                self.factor = max(self.factor / 2, 1.0)
        elif self.was_in_vain:
            self._lengthen()

    def _lengthen(self) -> None:
        self.factor = min(self.factor * 2, MOST_PATIENCE)
