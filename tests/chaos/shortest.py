"""The shortest history that shows a failure, within so many runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shortest(
    history: Sequence[T], shows: Callable[[tuple[T, ...]], bool], runs: int
) -> tuple[T, ...]:
    """Return the shortest part of `history`, in its order, that was seen to show the failure.

    Drops halves, then quarters and so on. Threads are not repeatable: a part that did not show it
    once is taken for one that does not, so the result may be longer than it need be.

    Args:
        history: what showed it.
        shows: runs a part, and reports whether it showed it.
        runs: how often `shows` may be asked.
    """
    best = tuple(history)
    size = len(best)
    while size and runs:
        size = (size + 1) // 2
        start = 0
        while start < len(best) and runs:
            part = best[:start] + best[start + size :]
            runs -= 1
            if shows(part):
                best = part
            else:
                start += size
        if size == 1:
            break
        size = min(size, len(best))
    return best
