"""The totals of what happened to connections."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from aurora_otel.model.detector import Cause
from aurora_otel.model.groups import Group, Outcome, PruneReason


@dataclass(slots=True)
class Book:
    """The totals of one group: opens = open now + closes + prunes + invalidations `closed`."""

    opens: int = 0
    closes: int = 0
    misroutes: int = 0
    prunes: Counter[PruneReason] = field(default_factory=Counter)
    invalidations: Counter[tuple[Cause, Outcome]] = field(default_factory=Counter)

    def add(self, other: Book) -> None:
        """Count what `other` has counted, too."""
        self.opens += other.opens
        self.closes += other.closes
        self.misroutes += other.misroutes
        # Zeros, too: they are exported.
        self.prunes.update(other.prunes)
        self.invalidations.update(other.invalidations)

    def copy(self) -> Book:
        """Return a copy that no longer changes."""
        return Book(
            self.opens,
            self.closes,
            self.misroutes,
            Counter(self.prunes),
            Counter(self.invalidations),
        )


class Books(defaultdict[Group, Book]):
    """The totals of all groups."""

    def __init__(self) -> None:
        super().__init__(Book)

    def regroup(self, new: Callable[[Group], Group]) -> None:
        """Count each group as another from now on, with all that it has counted.

        Args:
            new: returns what a group is counted as: itself, if that stays as it is.
        """
        for group in list(self):
            if (regrouped := new(group)) != group:
                # What was two groups may be one now.
                self[regrouped].add(self.pop(group))
