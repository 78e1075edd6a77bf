"""Patches that can be taken back, and the one wrapper of every watched call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import monotonic
from typing import Any

import wrapt

from aurora_otel.drivers.protocol import Failure, Hooks

_MISSING = object()


class Patches:
    """Attributes of modules and classes that we replaced, and what was there before."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def wrap(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        """Wrap `owner.name` with wrapt; for what is called rarely, such as connect."""
        before = vars(owner).get(name, _MISSING)
        wrapt.wrap_function_wrapper(owner, name, wrapper)
        self._done.append((owner, name, before, vars(owner)[name]))

    def replace(self, owner: Any, name: str, new: Any) -> None:
        """Replace `owner.name`; for what is called often: a wrapt proxy costs three times more."""
        before = vars(owner).get(name, _MISSING)
        setattr(owner, name, new)
        self._done.append((owner, name, before, new))

    def undo(self) -> None:
        """Put back the very objects that were there before.

        Where somebody else has wrapped ours meanwhile, ours stays below theirs and passes through:
        putting back what we found would take theirs off.
        """
        while self._done:
            owner, name, before, ours = self._done.pop()
            if vars(owner).get(name) is not ours:
                continue
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)


def watch(  # noqa: PLR0913 - what differs between drivers, all of it
    hooks: Hooks,
    original: Callable[..., Any],
    *,
    track_of: Callable[[Any], Any],
    errors: type[Exception],
    failure_of: Callable[[Any, Any, tuple[Any, ...]], Failure],
    may_wait: Callable[[tuple[Any, ...]], bool] = lambda _: True,
) -> Callable[..., Any]:
    """Return `original` as a method that marks its call as in flight and reports its errors.

    This is the hot path. A call on a healthy connection pays a mark and one attribute check.

    Args:
        hooks: where to report.
        original: the method.
        track_of: finds the track from `self`; raises `AttributeError` where there is none.
        errors: the driver's base class of errors.
        failure_of: what an error on `self` means, given the call's positional arguments.
        may_wait: whether the call may wait for a look, given its positional arguments.
    """

    @functools.wraps(original)
    def call(self: Any, first: Any = _MISSING, /, *args: Any, **kwargs: Any) -> Any:
        try:
            track = track_of(self)
        except AttributeError:
            return original(self, *_given(first, args), **kwargs)
        if track.cluster.alert and may_wait(_given(first, args)):
            hooks.before_call(track)
        track.in_flight_since = monotonic()
        try:
            # To pass on what most calls have, as it is, takes half the time that unpacking takes.
            if args or kwargs:
                return original(self, *_given(first, args), **kwargs)
            return original(self) if first is _MISSING else original(self, first)
        except errors as error:
            # The mark goes first: what follows is our time, not the server's.
            track.in_flight_since = 0.0
            hooks.failed(track, functools.partial(failure_of, self, error, _given(first, args)))
            raise
        finally:
            track.in_flight_since = 0.0

    return call


def _given(first: Any, others: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the positional arguments of a call."""
    return others if first is _MISSING else (first, *others)
