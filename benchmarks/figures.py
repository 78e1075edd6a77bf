"""What was measured, against what was promised. Pure.

A target means the same on every machine: it is a ratio to something measured beside the figure, a
number of things, or a time of a clock that no processor hurries. A full run judges each figure by
its target. A quick run leaves a threefold margin: it is there to catch a regression and not to
mistake a busy machine for one.
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
class Figure:
    """One row of the table.

    Attributes:
        name: what was measured.
        spread: the figure.
        unit: its unit.
        limit: the target; `None` for what is only reported.
        at_least: whether the target is a lower bound.
    """

    name: str
    spread: Spread
    unit: str
    limit: float | None = None
    at_least: bool = False

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
    """A plot of figures over something that grows.

    Attributes:
        unit: of the figures.
        over: what grows.
        x: how far.
        series: the figures, by what they are of.
        is_steep: whether they grow as well: both axes are logarithmic, and a line that rises by
            one power of ten for each is linear growth.
    """

    unit: str
    over: str
    x: tuple[float, ...]
    series: dict[str, tuple[float, ...]]
    is_steep: bool = False


@dataclass(frozen=True, slots=True)
class Panels:
    """Several plots side by side, by their titles."""

    plots: dict[str, Lines]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question.

    Attributes:
        figures: the rows of the table.
        plot: what the plot shows.
        notes: what a reader should know, in Markdown.
    """

    figures: tuple[Figure, ...]
    plot: Bars | Lines | Panels
    notes: str = ""

    def is_met(self, *, quick: bool = False) -> bool:
        """Whether no figure missed its target."""
        return all(f.verdict(quick=quick) is not Verdict.MISSED for f in self.figures)
