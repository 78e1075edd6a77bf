"""The process that cleans up after a lab, whatever becomes of the process that started it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import weakref
from typing import TYPE_CHECKING

from aurora_otel.lab import processes
from aurora_otel.lab.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path


class Reaper:
    """Waits, in a session of its own, for this process to end or to call `reap`.

    It notices the end of this process because the pipe between the two is closed then. A forked
    child inherits the pipe's end and gives it up at once, so that it can neither keep the lab
    alive nor end it.

    Args:
        directory: the lab's directory, still empty; removed in the end.

    Raises:
        LabError: this Python interpreter cannot be started again.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._owner = os.getpid()
        self._lock = threading.Lock()
        try:
            self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and file
                [sys.executable, "-I", "-S", processes.__file__, str(directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            directory.rmdir()
            raise LabError(f"cannot start {sys.executable!r}: {error.strerror}") from error
        _alive.add(self)

    def watch(self, pid: int) -> None:
        """Make sure that this process, and all that descend from it, end with the lab."""
        self._write(f"{pid}\n")

    def reap(self, *, within: float = 30.0) -> None:
        """End every server and removes the directory; does nothing in a forked child.

        Raises:
            LabError: something was still there after `within` seconds.
        """
        pipe = self._process.stdin
        if os.getpid() != self._owner or pipe is None or pipe.closed:
            return
        self._write("\n")
        pipe.close()
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise LabError(f"the lab in {self._directory} did not end within {within} s") from None
        if self._directory.exists():
            raise LabError(f"the lab's directory {self._directory} could not be removed")

    def abandon(self) -> None:
        """Give up the pipe, in a forked child."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _write(self, text: str) -> None:
        pipe = self._process.stdin
        with self._lock, contextlib.suppress(BrokenPipeError, ValueError):
            if pipe is not None:
                pipe.write(text.encode())
                pipe.flush()


_alive: weakref.WeakSet[Reaper] = weakref.WeakSet()


def _after_fork() -> None:
    for reaper in tuple(_alive):
        reaper.abandon()


os.register_at_fork(after_in_child=_after_fork)
