"""Two runs of one suite, test by test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

PASSED = "passed"
ABSENT = "absent"


class Difference(NamedTuple):
    """A test that ends differently with us.

    Attributes:
        test: its name.
        without: how it ends without us: `passed`, `failed`, `skipped` or `absent`.
        with_us: how it ends with us.
        reason: why that is as it must be; empty if it is not.
    """

    test: str
    without: str
    with_us: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """What came of one suite.

    Attributes:
        suite: its name.
        without: how each test ended without us.
        with_us: how each test ended with us.
        explained: reasons by test, for differences that must be.
        tracked: how many connections the agent tracked.
        failures: how often the agent failed inside, by what it was doing.
    """

    suite: str
    without: Mapping[str, str]
    with_us: Mapping[str, str]
    explained: dict[str, str]
    tracked: int
    failures: Mapping[str, int]

    @property
    def differences(self) -> list[Difference]:
        """The tests that end differently."""
        found = []
        for test in sorted({*self.without, *self.with_us}):
            before, after = self.without.get(test, ABSENT), self.with_us.get(test, ABSENT)
            if before != after:
                found.append(Difference(test, before, after, self.explained.get(test, "")))
        return found

    @property
    def failing_without(self) -> list[str]:
        """The tests that fail whether we are there or not."""
        return sorted(test for test, outcome in self.without.items() if outcome == "failed")

    @property
    def is_harmless(self) -> bool:
        """Whether the agent was at work, did not fail, and every difference is explained."""
        at_work = self.tracked > 0 and self.passed(self.without) > 0
        return at_work and not self.failures and all(each.reason for each in self.differences)

    def explain_unsteady(self, runs: Sequence[Mapping[str, str]]) -> None:
        """Explain the differences of tests that waver without us, given several such runs."""
        for each in self.differences:
            ends = [run[each.test] for run in runs if each.test in run]
            if not each.reason and {PASSED, "failed"} <= set(ends):
                passed = ends.count(PASSED)
                self.explained[each.test] = f"wavers without us: passed {passed} of {len(ends)}"

    def passed(self, outcomes: Mapping[str, str]) -> int:
        """Count the tests that passed."""
        return sum(outcome == PASSED for outcome in outcomes.values())
