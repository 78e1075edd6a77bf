"""Half the speed: a process, and all that it started, stopped for half of the time.

As `cpulimit` does, but in steps shorter than what is measured: else whatever fits between two stops
would be measured at full speed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator

import psutil

# Seconds of a step: one half of them stopped.
_STEP = 0.001
# Seconds after which processes that were started meanwhile are looked for.
_SEARCH = 0.1
_PR_SET_TIMERSLACK = 29


def halve(process: psutil.Process, is_over: Callable[[], bool] = lambda: False) -> None:
    """Have a process, and all below it, run for half of the time, until it has ended.

    Args:
        process: leads a process group of its own.
        is_over: returns whether it may run at full speed from now on.
    """
    _be_punctual()
    groups: set[int] = set()
    searched_at = float("-inf")
    try:
        while True:
            if time.monotonic() - searched_at > _SEARCH:
                if is_over() or not _is_running(process):
                    return
                groups, searched_at = {*_groups(process)}, time.monotonic()
            _send(groups, signal.SIGSTOP)
            time.sleep(_STEP / 2)
            _send(groups, signal.SIGCONT)
            time.sleep(_STEP / 2)
    finally:
        _send(groups, signal.SIGCONT)


def _be_punctual() -> None:
    """Have this process woken when it is to be, also where all processors are busy."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def _is_running(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _groups(process: psutil.Process) -> Iterator[int]:
    """Find the process groups: servers put their sessions into groups of their own."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(ProcessLookupError):
                group = os.getpgid(each.pid)
                if group != os.getpgrp():
                    yield group


def _send(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
