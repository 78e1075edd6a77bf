"""What an invariant is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from tests.chaos.facts import Fact
from tests.chaos.truth import Truth


class Invariant(Protocol):
    """Judges the facts of one run, in their order."""

    @property
    def promise(self) -> str:
        """What holds, in a sentence."""

    def judge(self, fact: Fact, truth: Truth) -> Iterator[str]:
        """Yield what is wrong about a fact, with what was the case up to then."""
