"""Measures the checkouts of a pool: how long each waits, and how many wait."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from aurora_otel.pools.protocol import Meter


def itself(lent: Any) -> Any:
    """Return what a pool hands out, where that is the very thing that comes back to it."""
    return lent


def lending(
    meter: Callable[[Any], Meter],
    original: Callable[..., Any],
    key: Callable[[Any], Any],
    timed_out: type[Exception] | tuple[type[Exception], ...] = (),
) -> Callable[..., Any]:
    """Return `original`, the method by which a pool hands a connection out, as a measured one.

    Args:
        meter: returns what measures a pool.
        original: the method.
        key: returns, out of what is handed out, what will come back.
        timed_out: what the method raises for a caller that has waited in vain; nothing for pools
            that have no limit, or never have a caller wait.
    """

    @functools.wraps(original)
    def lend(self: Any, *args: Any, **kwargs: Any) -> Any:
        measured = meter(self)
        began = measured.begin()
        try:
            lent = original(self, *args, **kwargs)
        except BaseException as error:
            measured.gave_up(is_timeout=isinstance(error, timed_out))
            raise
        measured.lent(key(lent), began)
        return lent

    return lend


def lending_on_loop(
    meter: Callable[[Any], Meter],
    original: Callable[..., Any],
    key: Callable[[Any], Any],
    timed_out: type[Exception] | tuple[type[Exception], ...] = (),
) -> Callable[..., Any]:
    """As `lending`, for a coroutine function."""

    @functools.wraps(original)
    async def lend(self: Any, *args: Any, **kwargs: Any) -> Any:
        measured = meter(self)
        began = measured.begin()
        try:
            lent = await original(self, *args, **kwargs)
        except BaseException as error:
            measured.gave_up(is_timeout=isinstance(error, timed_out))
            raise
        measured.lent(key(lent), began)
        return lent

    return lend
