"""What the process has: threads, descriptors, memory."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.facts import Left

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 2**20
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Resources:
    """What there is at one moment."""

    threads: tuple[str, ...]
    descriptors: tuple[str, ...]
    memory: int

    @staticmethod
    def now() -> Resources:
        """Return what there is now."""
        gc.collect()
        # What is free, and merely kept by the allocator, is not ours: after a peak it may be a lot.
        ctypes.CDLL(None).malloc_trim(0)
        threads = sorted(thread.name for thread in threading.enumerate())
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return Resources(tuple(threads), tuple(sorted(_descriptors())), pages * _PAGE // _MIB)

    def compared_with(self, after: Resources) -> Iterator[Left]:
        """Yield what there was then, and what there is `after`."""
        at = time.monotonic()
        yield Left(at, "threads", len(self.threads), len(after.threads), after.threads)
        yield Left(
            at, "descriptors", len(self.descriptors), len(after.descriptors), after.descriptors
        )
        yield Left(at, "MiB of memory", self.memory, after.memory)

    def is_back(self) -> bool:
        """Whether there is no more than this now, memory apart."""
        threads, descriptors = threading.active_count(), len(list(_descriptors()))
        return threads <= len(self.threads) and descriptors <= len(self.descriptors)


def settle(condition: Callable[[], bool], within: float = _PATIENCE) -> bool:
    """Wait until `condition` holds; return whether it came to that."""
    deadline = time.monotonic() + within
    while not (done := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return done


def _descriptors() -> Iterator[str]:
    for number in Path("/proc/self/fd").iterdir():
        # The listing's own is gone by now.
        with contextlib.suppress(FileNotFoundError):
            yield str(number.readlink())
