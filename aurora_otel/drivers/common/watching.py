"""The wrapper of every watched call, which is the hot path; and that of `close`.

A call on a healthy connection pays a mark that it is in flight and one attribute check.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from time import monotonic
from typing import Any

from aurora_otel.drivers.common.methods import write
from aurora_otel.drivers.marks import ATTRIBUTE, unmark
from aurora_otel.drivers.protocol import Failure, Hooks

_TEMPLATE = """\
def call({declared}):
    try:
        track = {receiver}.{path}
    except AttributeError:
        track = None
    if track is None{unless}:
        return original({passed})
    if track.cluster.alert and hooks.guarded(may_wait, {arguments}):
        hooks.before_call(track){settling}
    track.in_flight_since = monotonic()
    try:
        return original({passed})
    except errors as error:
        # The mark goes first: what follows is our time, not the server's.
        track.in_flight_since = 0.0
        hooks.failed(track, partial(failure_of, {receiver}, error, {arguments}), error)
        raise
    finally:
        track.in_flight_since = 0.0
"""


def watch(  # noqa: PLR0913 - what differs between drivers, all of it
    hooks: Hooks,
    original: Callable[..., Any],
    *,
    errors: type[Exception] | tuple[type[Exception], ...],
    failure_of: Callable[[Any, Any, tuple[Any, ...]], Failure],
    may_wait: Callable[[tuple[Any, ...]], bool] = lambda _: True,
    settle: Callable[[Any, Any], None] | None = None,
    path: str = ATTRIBUTE,
    like: Callable[..., Any] | None = None,
    owner: type | None = None,
) -> Callable[..., Any]:
    """Return `original` as a method that marks its call as in flight and reports its errors.

    Args:
        hooks: where to report.
        original: the method.
        errors: the driver's base class of errors.
        failure_of: what an error on `self` means, given the call's arguments.
        may_wait: whether the call may wait for a refresh, given its arguments: in the order of the
            method's parameters, keyword-only ones apart.
        settle: called with `self` and the call's first argument where the cluster was in doubt: the
            agent may have asked on `self`. What it raises, the call raises.
        path: the attributes that lead from `self` to the track, with dots between them; where
            one is missing, the call is not watched.
        like: a function with the same parameters, if `original` is written in C and called often.
        owner: the class whose own instances are watched, if those of its subclasses are not: they
            are by what is set on their own class.
    """
    names = {
        "hooks": hooks,
        "may_wait": may_wait,
        "failure_of": failure_of,
        "errors": errors,
        "monotonic": monotonic,
        "partial": functools.partial,
        "settle": settle,
    }
    settling = f"\n        {settling_of(original)}" if settle else ""
    return write(_TEMPLATE, original, names, like=like, owner=owner, path=path, settling=settling)


def settling_of(original: Callable[..., Any]) -> str:
    """Return the call of `settle` in a template, with the names that `original` gives."""
    receiver, first, *_ = inspect.signature(original).parameters
    return f"settle({receiver}, {first})"


def never(_: tuple[Any, ...]) -> bool:
    """Have no call of a method wait for a refresh: a rollback, or what is within an exchange."""
    return False


def watch_close(
    hooks: Hooks,
    original: Callable[..., Any],
    is_closed: Callable[[Any], bool],
    *,
    unmarks: bool = False,
) -> Callable[..., Any]:
    """Return `original`, a connection's method, as one that reports that the connection is closed.

    Meanwhile it is a call in flight, which no round of pruning takes for an abandoned connection.

    Args:
        hooks: where to report.
        original: the method.
        is_closed: whether a connection is closed: a pool's may only have been returned to it.
        unmarks: whether a closed connection is no longer known: a pool may connect it again.
    """

    @functools.wraps(original)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        track = getattr(self, ATTRIBUTE, None)
        if track is None:
            return original(self, *args, **kwargs)
        # Once the driver has ended the session, the connection looks hung up by the server.
        track.in_flight_since = monotonic()
        try:
            return original(self, *args, **kwargs)
        finally:
            try:
                if hooks.guarded(is_closed, self):
                    hooks.closed(track)
                    if unmarks:
                        unmark(self)
            finally:
                track.in_flight_since = 0.0

    return close
