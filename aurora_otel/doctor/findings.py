"""What a check found: a sentence, how bad that is, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Level(str, Enum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        check: what was refreshed at; a name that stays, for machines.
        level: how bad it is.
        what: what was found, as a sentence without secrets.
        remedy: what to do about it; every finding that is not `OK` has one.
    """

    check: str
    level: Level
    what: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if (self.level is Level.OK) is bool(self.remedy):
            raise ValueError(f"{self.check}: a remedy for all that is not ok, and for nothing else")


Findings: TypeAlias = Iterator[Finding]


def ok(check: str, what: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, Level.OK, what)


def warning(check: str, what: str, remedy: str) -> Finding:
    """Return a finding of something that works, but not as it could."""
    return Finding(check, Level.WARNING, what, remedy)


def failure(check: str, what: str, remedy: str) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(check, Level.FAILURE, what, remedy)


def worst(levels: Iterable[Level]) -> Level:
    """Return the worst of `levels`; `OK` if there is none."""
    order = list(Level)
    return max(levels, key=order.index, default=Level.OK)
