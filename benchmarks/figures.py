"""What was measured, against what was promised. Pure.

A full run judges each figure by its target. A quick run judges by ratios that do not depend on the
machine, where a figure has one, and otherwise by the target; in both cases with a threefold margin:
it is there to catch a regression and not to mistake a busy machine for one.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

QUICK_MARGIN = 3.0


class Verdict(Enum):
    """Whether a figure keeps to its target."""

    MET = "met"
    WITHIN_MARGIN = "within margin"
    MISSED = "MISSED"
    NONE = "-"


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and its quartiles."""

    low: float
    middle: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Return the spread of `values`, of which there is at least one."""
        if len(values) == 1:
            return Spread(values[0], values[0], values[0])
        return Spread(*statistics.quantiles(values, n=4, method="inclusive"))

    def __mul__(self, factor: float) -> Spread:
        return Spread(self.low * factor, self.middle * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Guard:
    """What a quick run goes by: a ratio to something measured beside it.

    Attributes:
        ratio: as measured now.
        usual: as it was when the guard was set up.
    """

    ratio: float
    usual: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Attributes:
        name: what was measured.
        spread: the figure.
        unit: its unit.
        limit: the target; `None` for what is only reported.
        at_least: whether the target is a lower bound.
        guard: what a quick run goes by; `None`: by the target.
    """

    name: str
    spread: Spread
    unit: str
    limit: float | None = None
    at_least: bool = False
    guard: Guard | None = None

    def verdict(self, *, quick: bool = False) -> Verdict:
        """Return whether the median keeps to the target, or in a quick run to its margin."""
        if self.limit is None:
            return Verdict.NONE
        if quick and not self._is_within_margin(self.limit):
            return Verdict.MISSED
        if _keeps(self.spread.middle, self.limit, at_least=self.at_least):
            return Verdict.MET
        return Verdict.WITHIN_MARGIN if quick else Verdict.MISSED

    def _is_within_margin(self, limit: float) -> bool:
        if self.guard is not None:
            return self.guard.ratio <= self.guard.usual * QUICK_MARGIN
        factor = 1 / QUICK_MARGIN if self.at_least else QUICK_MARGIN
        return _keeps(self.spread.middle, limit * factor, at_least=self.at_least)


def _keeps(value: float, limit: float, *, at_least: bool) -> bool:
    return value >= limit if at_least else value <= limit


@dataclass(frozen=True, slots=True)
class Bars:
    """A plot that compares some figures."""

    unit: str
    spreads: dict[str, Spread]


@dataclass(frozen=True, slots=True)
class Lines:
    """A plot of figures over something that grows."""

    unit: str
    over: str
    x: tuple[float, ...]
    series: dict[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question.

    Attributes:
        figures: the rows of the table.
        plot: what the plot shows.
        notes: what a reader should know, in Markdown.
    """

    figures: tuple[Figure, ...]
    plot: Bars | Lines
    notes: str = ""

    def is_met(self, *, quick: bool = False) -> bool:
        """Whether no figure missed its target."""
        return all(f.verdict(quick=quick) is not Verdict.MISSED for f in self.figures)
