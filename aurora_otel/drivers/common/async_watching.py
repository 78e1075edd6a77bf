"""The wrapper of every watched call of a driver for an event loop: its hot path.

As `watching`, with two differences. What a call waits for, it awaits. And applications limit calls
by cancelling them, after which the driver may still wait for the server, or for the end of the
statement: such a call stays in flight until that is over, or a hang would never be seen.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from aurora_otel.drivers.common.methods import write
from aurora_otel.drivers.common.watching import settling_of
from aurora_otel.drivers.marks import ATTRIBUTE, track_of
from aurora_otel.drivers.protocol import Failure, Hooks
from aurora_otel.runtime.coroutines import run
from aurora_otel.tracking.track import Track

_TEMPLATE = """\
async def call({declared}):
    try:
        track = {receiver}.{path}
    except AttributeError:
        track = None
    if track is None{unless}:
        return await original({passed})
    if track.cluster.alert and hooks.guarded(may_wait, {arguments}):
        await run(hooks.before_call_steps(track)){settling}
    if track.in_flight_since and not hooks.guarded(is_ending, {receiver}):
        # The mark is another call's: the driver refuses this one, or has it wait.
        return await original({passed})
    began = track.in_flight_since = monotonic()
    clears = True
    try:
        return await original({passed})
    except GIVEN_UP:
        clears = ends(track, began, {receiver})
        raise
    except errors as error:
        # The mark goes first: what follows is our time, not the server's.
        track.in_flight_since, clears = 0.0, False
        await fails(track, {receiver}, error, {arguments})
        raise
    finally:
        if clears:
            track.in_flight_since = 0.0
"""
# How the application's own limits end a call. A time-out is an OSError, but no lost connection.
GIVEN_UP = (asyncio.CancelledError, asyncio.TimeoutError, TimeoutError)
# How often it is checked whether a cancelled call has ended: seconds, doubled up to the second.
_FIRST = 0.02
_LONGEST = 1.0
# On what was called, while a cancelled call has not ended: the timer of the next check.
_TIMER = "_aurora_otel_timer"


def _never(_: Any) -> bool:
    return False


def watch(  # noqa: PLR0913 - what differs between drivers, all of it
    hooks: Hooks,
    original: Callable[..., Any],
    *,
    errors: type[Exception] | tuple[type[Exception], ...],
    failure_of: Callable[[Any, Any, tuple[Any, ...]], Failure],
    may_wait: Callable[[tuple[Any, ...]], bool] = lambda _: True,
    is_ending: Callable[[Any], bool] = _never,
    is_over: Callable[[Any], bool] = _never,
    settle: Callable[[Any, Any], Awaitable[None]] | None = None,
    path: str = ATTRIBUTE,
) -> Callable[..., Any]:
    """Return a coroutine function as one that marks its call as in flight and reports its errors.

    Args:
        hooks: where to report.
        original: the method.
        errors: the driver's base class of errors.
        failure_of: what an error on `self` means, given the call's arguments.
        may_wait: whether the call may wait for a refresh, given its arguments: in the order of the
            method's parameters, keyword-only ones apart.
        is_ending: whether `self` is still busy with a call that was cancelled.
        is_over: whether, after an error or a cancellation, `self` is closed and reports that
            nowhere else.
        settle: as in `watching.watch`, and awaited.
        path: the attributes that lead from `self` to the track, with dots between them; where
            one is missing, the call is not watched.
    """

    async def fails(track: Track, receiver: Any, error: Exception, args: tuple[Any, ...]) -> None:
        try:
            await run(hooks.failed_steps(track, lambda: failure_of(receiver, error, args), error))
        finally:
            if hooks.guarded(is_over, receiver):
                hooks.closed(track)

    def ends(track: Track, began: float, receiver: Any) -> bool:
        """Report a call that was given up; return whether nothing of it is in flight any more."""
        hooks.given_up(track, began)
        if hooks.guarded(is_ending, receiver):
            _clear_when_over(track, receiver, lambda: hooks.guarded(is_ending, receiver) is True)
            return False
        if hooks.guarded(is_over, receiver):
            hooks.closed(track)
        return True

    names = {
        "run": run,
        "hooks": hooks,
        "may_wait": may_wait,
        "is_ending": is_ending,
        "errors": errors,
        "monotonic": monotonic,
        "GIVEN_UP": GIVEN_UP,
        "fails": fails,
        "ends": ends,
        "settle": settle,
    }
    settling = f"\n        await {settling_of(original)}" if settle else ""
    return write(_TEMPLATE, original, names, path=path, settling=settling)


def watch_close(
    hooks: Hooks,
    original: Callable[..., Any],
    is_closed: Callable[[Any], bool],
    *,
    defers: bool = False,
) -> Callable[..., Any]:
    """Return `original`, a coroutine function, as one that reports that the connection is closed.

    Args:
        hooks: as `watching.watch_close`.
        original: as there.
        is_closed: as there.
        defers: whether a call in flight reports the end, by its own `is_over`: the driver closes a
            connection itself where a call finds it lost.
    """

    @functools.wraps(original)
    async def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        track = hooks.guarded(track_of, self)
        if track is None or (defers and track.in_flight_since):
            return await original(self, *args, **kwargs)
        # Once the driver has ended the session, the connection looks hung up by the server.
        track.in_flight_since = monotonic()
        try:
            return await original(self, *args, **kwargs)
        finally:
            try:
                if hooks.guarded(is_closed, self):
                    hooks.closed(track)
            finally:
                track.in_flight_since = 0.0

    return close


def is_gone(track: Track, receiver: Any) -> None:
    """Take the mark of a cancelled call off: its connection is gone, and nothing else will."""
    timer = vars(receiver).pop(_TIMER, None)
    if timer is not None:
        timer.cancel()
        track.in_flight_since = 0.0


def _clear_when_over(track: Track, receiver: Any, is_ending: Callable[[], bool]) -> None:
    """Take the mark of a cancelled call off once the driver is no longer busy with it."""
    mark, loop, kept = track.in_flight_since, asyncio.get_running_loop(), vars(receiver)

    def check(pause: float) -> None:
        kept.pop(_TIMER, None)
        if track.in_flight_since is not mark:
            # Another call has its own.
            return
        if is_ending():
            kept[_TIMER] = loop.call_later(pause, check, min(2 * pause, _LONGEST))
        else:
            track.in_flight_since = 0.0

    check(_FIRST)
