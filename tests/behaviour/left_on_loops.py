"""What is left on an event loop: timers and handles that it has neither run nor cancelled."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aurora_otel

_PACKAGE = str(Path(aurora_otel.__file__).parent)


def left_on(loop: asyncio.AbstractEventLoop) -> list[Any]:
    """Return the timers and handles that are left on a loop of asyncio's or uvloop's."""
    return [each for each in _kept(loop) if not each.cancelled()]


def is_of_the_agent(handle: Any) -> bool:
    """Return whether the agent's code made it, on a loop that is debugged."""
    return _PACKAGE in repr(handle)


def _kept(loop: Any) -> Iterable[Any]:
    if isinstance(loop, asyncio.BaseEventLoop):
        return [*loop._scheduled, *loop._ready]  # type: ignore[attr-defined]
    # uvloop's are attributes in C: the garbage collector alone leads to them.
    boxes = [each for each in gc.get_referents(loop) if isinstance(each, (set, deque))]
    return [each for box in boxes for each in box if type(each).__name__.endswith("Handle")]
