"""A misrouted connection is not handed over once it is known where the writer is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.facts import Fact, Handed, Known
from tests.chaos.truth import Truth


class Handovers:
    """Judges every connection through the writer endpoint that was handed over.

    Where the known writer is none any more, or may not answer, there is nothing better to be had.
    """

    promise = "from the verdict on, no misrouted connection is handed over while its writer answers"

    def __init__(self) -> None:
        self._known: defaultdict[int, list[Known]] = defaultdict(list)

    def judge(self, fact: Fact, truth: Truth) -> Iterator[str]:
        """Judge every connection that leads to a reader, by its own word."""
        if isinstance(fact, Known):
            self._known[fact.cluster].append(fact)
        elif isinstance(fact, Handed) and (fact.endpoint, fact.role) == ("writer", "reader"):
            known = self._verdict(fact)
            if known is not None and _could_be_had(known.writer, fact, truth):
                yield (
                    f"a connection to {fact.instance} was handed over, and {known.writer} had"
                    f" been the writer for {fact.began - known.at:.2f} s"
                )

    def _verdict(self, handed: Handed) -> Known | None:
        """Return what was known when the connect began, if nothing else came to be known."""
        before = [each for each in self._known[handed.cluster] if each.at < handed.at]
        if not before or not before[-1].confirmed or before[-1].writer == handed.instance:
            return None
        verdicts = [each for each in before if each.at < handed.began]
        is_same = verdicts and verdicts[-1].writer == before[-1].writer
        return verdicts[-1] if is_same else None


def _could_be_had(writer: str, handed: Handed, truth: Truth) -> bool:
    times = (handed.began, handed.at)
    return truth.was_writer(writer, *times) and truth.answers(writer, *times)
