"""Invalidation of stale connections, those with a call in flight among them.

From the first moment nothing can be sent on any of them. A call that was sent before may have its
answer under way: a server that lives refuses the write, and says so. That is worth more to an
application than a lost connection, after which it is unknown whether the write was done. So the
answer may come in for a moment, unless the symptom says that the server is silent. A call that
waits for a dead host is woken then, and one that has waited for long already is woken at once.

Where SIGPIPE would end the process, the sending side stays open (`runtime/sockets`): what is sent
is refused by a server that accepts no writes, and its answer counts as a lost connection.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence

from aurora_otel.model.groups import Outcome
from aurora_otel.runtime import sockets
from aurora_otel.runtime.sockets import Shutdown
from aurora_otel.tracking.track import Track

_OUTCOMES = {
    Shutdown.DONE: Outcome.CLOSED,
    Shutdown.FAILED: Outcome.FAILED,
    Shutdown.GONE: None,
}
# How long an answer may take from here on, and the longest that it may have taken: seconds.
_MOMENT = 0.25
_LONG = 0.5
_STEP = 0.001


def invalidate(
    tracks: Iterable[Track], clock: Callable[[], float], *, may_answer: bool
) -> list[Outcome | None]:
    """Shut stale connections down; return what came of each, `None` if its owner had closed it.

    Args:
        tracks: the connections, claimed.
        clock: the monotonic clock, in seconds.
        may_answer: whether their server may still answer a call in flight.
    """
    began = clock()
    oldest = began - _LONG if may_answer else math.inf
    awaited: list[Track] = []
    outcomes = [_shut_down(track, oldest, awaited) for track in tracks]
    _wait_for_answers(awaited, began + _MOMENT, clock)
    return outcomes


def _shut_down(track: Track, oldest: float, awaited: list[Track]) -> Outcome | None:
    """Shut a connection down; with a call on it that began after `oldest`, put it to `awaited`."""

    def is_awaited() -> bool:
        if track.in_flight_since <= oldest:
            return False
        awaited.append(track)
        return True

    return _OUTCOMES[sockets.shut_down(track.socket, is_awaited, is_in_use=True)]


def _wait_for_answers(
    awaited: Sequence[Track], deadline: float, clock: Callable[[], float]
) -> None:
    while any(track.in_flight_since for track in awaited) and clock() < deadline:
        time.sleep(_STEP)
    for track in awaited:
        sockets.shut_down(track.socket, is_in_use=True)
