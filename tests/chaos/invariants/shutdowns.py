"""No connection to a healthy, unchanged instance is closed."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.facts import Fact, Known, Refused, Shut
from tests.chaos.lab import PRIVATE
from tests.chaos.truth import Truth


class Shutdowns:
    """Judges every shutdown by the table of staleness, by the lab's word on who was the writer.

    The table is written down here once more, from the requirements and not from the code.
    """

    promise = "no connection to a healthy, unchanged instance is closed by us"

    def __init__(self) -> None:
        self._known: defaultdict[int, list[Known]] = defaultdict(list)
        self._refused: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def judge(self, fact: Fact, truth: Truth) -> Iterator[str]:
        """Judge every shutdown."""
        if isinstance(fact, Known):
            self._known[fact.cluster].append(fact)
        elif isinstance(fact, Refused):
            self._refused[fact.host, fact.instance].append(fact.at)
        elif isinstance(fact, Shut):
            connection = (
                f"a connection to {fact.instance} by its {fact.endpoint} endpoint was closed"
            )
            if truth.was_writer(fact.instance, fact.began, fact.at):
                yield f"{connection}, which was the writer all the time"
            elif not self._is_stale(fact):
                yield f"{connection}, which had never been the writer while it was open"

    def _is_stale(self, shut: Shut) -> bool:
        if shut.endpoint == "writer":
            return True
        if shut.endpoint == "reader":
            return False
        if shut.role == "writer" or self._was_known(shut):
            return True
        if shut.endpoint == "other":
            return shut.refused or self._is_like_refused(shut)
        return shut.refused and self._changed_since(shut)

    def _was_known(self, shut: Shut) -> bool:
        """Whether its instance was known as the writer at some time while it was open."""
        known = self._known[shut.cluster]
        return any(
            one.writer == shut.instance
            and then.writer != shut.instance
            and then.began > shut.opened_at
            for one, then in itertools.pairwise(known)
        )

    def _is_like_refused(self, shut: Shut) -> bool:
        """Whether a write was refused beside it, by a name that moves with the writer."""
        moves = shut.host.partition(":")[0] == PRIVATE
        refused = self._refused[shut.host, shut.instance]
        return moves and any(shut.opened_at < at < shut.began for at in refused)

    def _changed_since(self, shut: Shut) -> bool:
        """Whether the known writer has changed since it was opened."""
        known = self._known[shut.cluster]
        return any(
            one.writer != then.writer and then.began > shut.opened_at
            for one, then in itertools.pairwise(known)
        )
