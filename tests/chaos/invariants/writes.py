"""A demoted instance accepts no write."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.facts import Fact, Wrote
from tests.chaos.truth import Truth


class Writes:
    """Of autocommit writes, and of those in a transaction that began after the demotion."""

    promise = "no write is accepted by a demoted instance"

    def judge(self, fact: Fact, truth: Truth) -> Iterator[str]:
        """Look at every accepted write."""
        if (
            isinstance(fact, Wrote)
            and not fact.read_write
            and truth.was_demoted(fact.instance, fact.begun, fact.at)
        ):
            yield f"{fact.instance} was demoted, and accepted a write begun after that"
