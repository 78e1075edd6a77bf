"""Two runs of one suite, test by test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.compat.runs import Agent, Outcomes

PASSED = "passed"
# A suite may make up its tests as it goes.
ABSENT = "absent"


class Pair(NamedTuple):
    """A run without us and one with us."""

    without: Outcomes
    with_us: Outcomes


class Difference(NamedTuple):
    """A test that ended differently with us.

    Attributes:
        test: its name.
        without: how it ended without us, time after time.
        with_us: how it ended with us, time after time.
        reason: why that is as it must be; empty if it is not.
    """

    test: str
    without: tuple[str, ...]
    with_us: tuple[str, ...]
    reason: str

    @property
    def wavers(self) -> bool:
        """Whether it ends in more than one way without us, and no worse with us."""
        passes = PASSED in self.with_us or PASSED not in self.without
        return len({*self.without} - {ABSENT}) > 1 and passes


@dataclass(frozen=True)
class Comparison:
    """What came of one suite.

    Attributes:
        suite: whose tests they are, with the version.
        driver: the driver that they use, with its version.
        first: the whole suite, without us and with us.
        agent: what the agent did meanwhile.
        reasons: why a test must end differently, by test.
        again: more runs of the tests that ended differently.
    """

    suite: str
    driver: str
    first: Pair
    agent: Agent
    reasons: Mapping[str, str]
    again: list[Pair] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The suite and its driver."""
        return self.driver if self.suite == self.driver else f"{self.suite}, {self.driver}"

    @property
    def differences(self) -> list[Difference]:
        """The tests that ended differently, but for those that waver."""
        return [each for each in self._different if not each.wavers]

    @property
    def unexplained(self) -> list[Difference]:
        """The differences that nothing is known of."""
        return [each for each in self.differences if not each.reason]

    @property
    def wavering(self) -> list[Difference]:
        """The tests that ended differently, as they do without us from run to run."""
        return [each for each in self._different if each.wavers]

    @property
    def failing(self) -> dict[str, str]:
        """The tests that do not even pass without us, and how they end with us just the same."""
        known = {each.test for each in self._different}
        ends = self.first.without.items()
        return {test: end for test, end in ends if _has_failed(end) and test not in known}

    @property
    def is_harmless(self) -> bool:
        """Whether the agent was at work, did not fail, and every difference is explained."""
        at_work = self.agent.identified > 0 and passed(self.first.without) > 0
        return at_work and not self.agent.failures and not self.unexplained

    @property
    def _different(self) -> Iterable[Difference]:
        tests = {**self.first.without, **self.first.with_us}
        for test in sorted(tests):
            if self.first.without.get(test) != self.first.with_us.get(test):
                yield self._difference(test)

    def _difference(self, test: str) -> Difference:
        later = [pair for pair in self.again if test in {*pair.without, *pair.with_us}]
        pairs = [self.first, *later]
        without = tuple(pair.without.get(test, ABSENT) for pair in pairs)
        with_us = tuple(pair.with_us.get(test, ABSENT) for pair in pairs)
        return Difference(test, without, with_us, self.reasons.get(test, ""))


def passed(outcomes: Outcomes) -> int:
    """Count the tests that passed."""
    return sum(outcome == PASSED for outcome in outcomes.values())


def _has_failed(outcome: str) -> bool:
    return outcome not in {PASSED, "skipped"}
