"""No exception of the agent reaches the application."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.facts import Fact, Raised
from tests.chaos.truth import Truth


class Exceptions:
    """Judges what was raised where it must not be; the application reports nothing else."""

    promise = "the application sees no exception that its driver does not raise"

    def judge(self, fact: Fact, truth: Truth) -> Iterator[str]:
        """Every such exception is one too many."""
        if isinstance(fact, Raised):
            yield f"{fact.where}: {fact.error}\n{fact.trace}"
