"""The totals of what happened to connections."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from aurora_otel.model.former_writers import Cause
from aurora_otel.model.groups import OTHER, Group, Outcome, PruneReason
from aurora_otel.model.straight import StraightReason
from aurora_otel.model.symptoms import Symptom

# So many types of errors of failed connects are counted each by its name.
_MOST_ERRORS = 32


@dataclass(slots=True)
class Book:
    """The totals of one group: opens = open now + closes + prunes + invalidations `closed`.

    Attributes:
        refusals: writes that were refused.
        failures: connects that failed, by the type of the error; they are no opens.
        straight: connects that went straight to the writer, by the reason.
    """

    opens: int = 0
    closes: int = 0
    misroutes: int = 0
    refusals: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    straight: Counter[StraightReason] = field(default_factory=Counter)
    prunes: Counter[PruneReason] = field(default_factory=Counter)
    invalidations: Counter[tuple[Cause, Outcome]] = field(default_factory=Counter)

    def add(self, other: Book) -> None:
        """Count what `other` has counted, too."""
        self.opens += other.opens
        self.closes += other.closes
        self.misroutes += other.misroutes
        self.refusals += other.refusals
        self.failures.update(other.failures)
        self.straight.update(other.straight)
        # Zeros, too: they are exported.
        self.prunes.update(other.prunes)
        self.invalidations.update(other.invalidations)

    def copy(self) -> Book:
        """Return a copy that no longer changes."""
        return Book(
            self.opens,
            self.closes,
            self.misroutes,
            self.refusals,
            Counter(self.failures),
            Counter(self.straight),
            Counter(self.prunes),
            Counter(self.invalidations),
        )


class Books(defaultdict[Group, Book]):
    """The totals of all groups."""

    def __init__(self) -> None:
        super().__init__(Book)

    def count(self, group: Group, what: str | StraightReason | Symptom | None) -> None:
        """Count what happened to a connect, or a refused write.

        Args:
            group: of the connection.
            what: the type of the error with which it failed, or why it went straight to the
                writer; `None`: it was misrouted; `READ_ONLY`: a write was refused.
        """
        book = self[group]
        if what is None:
            book.misroutes += 1
        elif what is Symptom.READ_ONLY:
            book.refusals += 1
        elif isinstance(what, StraightReason):
            book.straight[what] += 1
        else:
            is_known = what in book.failures or len(book.failures) < _MOST_ERRORS
            book.failures[what if is_known else OTHER] += 1

    def regroup(self, new: Callable[[Group], Group]) -> None:
        """Count each group as another from now on, with all that it has counted.

        Args:
            new: returns what a group is counted as: itself, if that stays as it is.
        """
        for group in list(self):
            if (regrouped := new(group)) != group:
                # What was two groups may be one now.
                self[regrouped].add(self.pop(group))
