"""A demoted instance accepts no write."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.facts import Fact, Wrote
from tests.chaos.truth import Truth


class Writes:
    """Of autocommit writes, and of those in a transaction that began after the demotion.

    One that says READ WRITE may write on a PostgreSQL demoted in place; the application's never do.
    """

    promise = "no write is accepted by a demoted instance"

    def judge(self, fact: Fact, truth: Truth) -> Iterator[str]:
        """Judge every accepted write."""
        if isinstance(fact, Wrote) and truth.was_demoted(fact.instance, fact.begun, fact.at):
            yield f"{fact.instance} was demoted, and accepted a write begun after that"
