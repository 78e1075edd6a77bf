"""How many functions something calls: a figure that is the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

# What is opened and imported at first is not counted, and what happens only now and then is not
# noticed: the usual number counts.
_TIMES = 51


def calls(function: Callable[[], object]) -> int:
    """Return how many functions, Python's and C's, `function` calls with all below it."""
    found = sorted(_count(function) for _ in range(_TIMES))
    # `function` itself, and the call that ends the count, which CPython 3.10 does not show.
    return found[len(found) // 2] - _count(_nothing)


def _count(function: Callable[[], object]) -> int:
    count = 0

    def see(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        # Generators that go on are called again: `call` as well.
        count += event in ("call", "c_call")

    sys.setprofile(see)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def _nothing() -> None:
    """Call nothing."""
