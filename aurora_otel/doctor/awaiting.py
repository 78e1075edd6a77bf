"""What drivers for event loops need of the doctor: a loop, which runs only while it waits."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable
from typing import Any, TypeVar

from aurora_otel.drivers.protocol import Driver
from aurora_otel.runtime import blocking, coroutines
from aurora_otel.runtime.effects import Steps

T = TypeVar("T")
# A connection belongs to the loop that it was opened on.
_loop = functools.cache(asyncio.SelectorEventLoop)


def outcome(found: Any) -> Any:
    """Return what a call of a driver brings, which may have to be awaited."""
    return _loop().run_until_complete(_await(found)) if inspect.isawaitable(found) else found


def run(driver: Driver, steps: Steps[T]) -> T:
    """Carry out steps on a connection of `driver`."""
    if not inspect.iscoroutinefunction(driver.ask):
        return blocking.run(steps)
    result: T = outcome(coroutines.run(steps))
    return result


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
