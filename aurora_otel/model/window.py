"""The refresh window of one cluster: open from a symptom on, until a verdict has explained it.

Pure, and without a lock. Symptoms come on any thread, verdicts on another, and neither waits: what
each side writes is its own. Times are seconds of the monotonic clock and are passed in.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from aurora_otel.model.symptoms import Symptom


class FirstSymptom(NamedTuple):
    """The first symptom since the last verdict: what a failover is traced back to.

    Attributes:
        kind: the symptom.
        at: when it was seen.
        context: the trace context of the call that saw it; only carried here.
    """

    kind: Symptom
    at: float
    context: Any = None


class _Numbered(NamedTuple):
    number: int
    symptom: FirstSymptom


_NONE = _Numbered(0, FirstSymptom(Symptom.TOPOLOGY, float("-inf")))


class Window:
    """A refresh window.

    A symptom counts until one of its number or a later one is explained; it keeps the window open
    until the window is closed after it, or has been open for long enough.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        # Written with symptoms.
        self._first = self._latest = _NONE
        # Written with verdicts.
        self._explained = 0
        self._closed = 0

    def note(self, symptom: FirstSymptom) -> bool:
        """Take note of a symptom; return whether no other one waits to be explained."""
        noted = _Numbered(next(self._numbers), symptom)
        is_first = self.first is None
        if is_first:
            self._first = noted
        self._latest = noted
        return is_first

    @property
    def first(self) -> FirstSymptom | None:
        """The first symptom that was not explained yet."""
        explained = self._explained
        for each in (self._first, self._latest):
            if each.number > explained:
                return each.symptom
        return None

    def is_open(self, now: float, seconds: float) -> bool:
        """Return whether it is open.

        Args:
            now: seconds of the monotonic clock.
            seconds: for which it stays open after a symptom.
        """
        last = self._last
        return last.number > self._closed and now < last.symptom.at + seconds

    def close(self) -> None:
        """Close it, whatever it waited for."""
        self._closed = self._last.number

    def close_explained(self) -> None:
        """Close it, unless a symptom came that was not explained."""
        self._closed = max(self._closed, self._explained)

    def explain(self, began: float, *, changed: bool) -> FirstSymptom | None:
        """Have a verdict explain the symptoms that it can; return the first of them."""
        first, latest = self._first, self._last
        if not self._explained < first.number <= latest.number:
            first = latest
        if first.number <= self._explained or (not changed and first.symptom.at > began):
            # Seen after the reading began: what it means is for a later verdict to say.
            return None
        # Explained: the next symptom is the first of something else.
        late = not changed and latest.symptom.at > began
        self._explained = latest.number - 1 if late else latest.number
        return first.symptom

    @property
    def _last(self) -> _Numbered:
        # Of two at one moment, the one that came first may be noted last.
        return max(self._first, self._latest, key=lambda each: each.number)
