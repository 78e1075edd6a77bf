"""The ends of connections: each is counted once, in one go with the change of its state.

Not safe by itself: the tracker's lock is held, `take` apart.
"""

from __future__ import annotations

import contextlib
from collections import deque

from aurora_otel.model.former_writers import Cause
from aurora_otel.model.groups import Outcome, PruneReason
from aurora_otel.tracking.books import Books
from aurora_otel.tracking.holdings import Holdings
from aurora_otel.tracking.track import Ended, State, Track


class Ends:
    """Counts ends, and keeps them until they are reported.

    Args:
        books: where they are counted.
        holdings: what is open, without what has ended.
    """

    def __init__(self, books: Books, holdings: Holdings) -> None:
        self._books = books
        self._holdings = holdings
        self._ended: deque[Ended] = deque()

    def take(self) -> list[Ended]:
        """Return the tracks that ended since the last call; from any thread."""
        ended: list[Ended] = []
        with contextlib.suppress(IndexError):
            while True:
                ended.append(self._ended.popleft())
        return ended

    def prune(self, track: Track, reason: PruneReason) -> None:
        """Count `track` as pruned: nothing uses it any more."""
        track.hung_up = reason is PruneReason.HUNG_UP
        prunes, ended = self._books[track.group].prunes, Ended(track, reason)
        prunes.setdefault(reason, 0)
        self._holdings.discard(track)
        if track.state is State.OPEN:
            track.state = State.PRUNED
            prunes[reason] += 1
            self._ended.append(ended)

    def close(self, track: Track) -> None:
        """Count `track` as closed by the application."""
        book, ended = self._books[track.group], Ended(track, None)
        self._holdings.discard(track)
        if track.state is State.OPEN:
            track.state = State.CLOSED
            book.closes += 1
            self._ended.append(ended)

    def invalidate(self, track: Track, cause: Cause) -> None:
        """Count `track` as closed by the agent."""
        invalidations, ended = self._books[track.group].invalidations, Ended(track, None)
        invalidations.setdefault((cause, Outcome.CLOSED), 0)
        self._holdings.discard(track)
        track.state = State.INVALIDATED
        invalidations[cause, Outcome.CLOSED] += 1
        self._ended.append(ended)
