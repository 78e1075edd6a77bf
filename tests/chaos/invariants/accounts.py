"""Every connection is accounted for exactly once, and under the instance that it leads to."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.facts import Balance, Fact, Wrote
from tests.chaos.truth import Truth


class Accounts:
    """Judges the agent's books, and what it takes connections for."""

    promise = "every opened connection is accounted for exactly once, under its instance"

    def judge(self, fact: Fact, truth: Truth) -> Iterator[str]:
        """Judge the books, and each write that says where its connection leads."""
        if isinstance(fact, Wrote) and fact.tracked not in (None, fact.instance):
            yield f"a connection to {fact.instance} is tracked under {fact.tracked}"
        if isinstance(fact, Balance):
            yield from _judge(fact)


def _judge(books: Balance) -> Iterator[str]:
    ended = books.closes + books.prunes + books.invalidated
    if books.opens != books.open + ended:
        yield f"the totals do not add up: {books}"
    if books.opens < books.received:
        yield f"fewer connections were opened than the application received: {books}"
    if books.final and (books.open or books.opens != books.received + books.given_up):
        yield f"at the end, something is missing or left over: {books}"
