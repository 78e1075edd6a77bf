"""How long an event loop is held by the agent's code: processor time, turn by turn.

By what the loop's own thread spends in the agent's frames, since the time on the wall belongs to
whatever else the machine does. What a profile adds to each call is measured first, and taken off.
"""

from __future__ import annotations

import asyncio
import cProfile
import time
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import aurora_otel

_PACKAGE = str(Path(aurora_otel.__file__).parent)
# As `drivers/common/methods.py` names what it writes.
_WRITTEN = "<watch "
_CALLS = 2000


class Turn(NamedTuple):
    """One turn of a loop.

    Attributes:
        ours: seconds in the agent's frames.
        most: the functions of the agent's that took most of it, and how often each was called.
    """

    ours: float
    most: tuple[tuple[str, int], ...]


def measure(loop: asyncio.AbstractEventLoop) -> list[Turn]:
    """Have each turn of `loop`, one of asyncio's, measured from now on; return the list of them."""
    turns: list[Turn] = []
    plain, cost = loop._run_once, _cost_of_a_call()  # type: ignore[attr-defined]

    def run_once() -> None:
        profile = _profile()
        profile.enable()
        try:
            plain()
        finally:
            profile.disable()
        ours = [each for each in profile.getstats() if _is_ours(each.code)]
        seconds = sum(each.inlinetime - cost * each.callcount for each in ours)
        ours.sort(key=lambda each: -each.inlinetime)
        most = tuple((_name(each.code), each.callcount) for each in ours[:5])
        turns.append(Turn(max(0.0, seconds), most))

    loop._run_once = run_once  # type: ignore[attr-defined]
    return turns


def _profile() -> cProfile.Profile:
    # What is written in C counts as its caller's.
    return cProfile.Profile(time.thread_time, builtins=False)


def _is_ours(code: CodeType | str) -> bool:
    return not isinstance(code, str) and code.co_filename.startswith((_PACKAGE, _WRITTEN))


def _name(code: CodeType) -> str:
    """Return where a function is, as CPython 3.10 can say it, too."""
    return f"{Path(code.co_filename).name}:{code.co_firstlineno} {code.co_name}"


def _cost_of_a_call() -> float:
    """Return the seconds that a profile adds to each call of a function."""

    def nothing() -> None:
        pass

    def call() -> None:
        for _ in range(_CALLS):
            nothing()

    profile = _profile()
    began = time.thread_time()
    call()
    plain = time.thread_time() - began
    profile.runcall(call)
    profiled = sum(each.inlinetime for each in profile.getstats())
    return max(0.0, profiled - plain) / _CALLS
