"""Descriptors in reserve, for a process that has reached its limit of open files.

A socket is shut down through a duplicate of its descriptor, and at the limit there is no number for
one. So a number is reserved: `dup2` makes it stand for the socket, in one step of the kernel and
without another number, and afterwards for what it stood for before. A few more are given up before
one of the agent's own connections is opened, if the process has too few left: the drivers' errors
do not all say that it failed for want of them.

The numbers may become the application's: a program that becomes a daemon closes every descriptor,
and may open others under the same numbers. So what they stand for is checked before they are used
or closed.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
# How often, and after how many seconds each time, another thread's use is waited for.
_TRIES = 50
_STEP = 0.001
# What a driver needs at a time to connect: a socket, a selector, a file or socket to resolve names.
_ROOM = 3


class _Reserve:
    """A number to borrow, and another that keeps what it stands for otherwise: a pipe.

    No socket: where a driver hides its own, every socket of the process is checked.
    """

    def __init__(self) -> None:
        self._rest, self._number = os.pipe()
        # Both ends of a pipe have one inode.
        self._inode = os.fstat(self._rest).st_ino
        self._room: deque[int] = deque()

    def is_intact(self) -> bool:
        """Return whether it still is what it was made as, or is in use."""
        return self._is_own(self._rest)

    def stand_for(self, fd: int) -> int:
        """Make the number stand for what descriptor `fd` does; return it.

        Raises:
            OSError: it cannot.
        """
        if not self._is_own(self._number):
            raise OSError
        os.dup2(fd, self._number, inheritable=False)
        return self._number

    def rest(self) -> None:
        """Release what the number stands for."""
        with contextlib.suppress(OSError):
            if self._is_own(self._rest):
                os.dup2(self._rest, self._number, inheritable=False)

    def fill(self) -> None:
        """Keep as many descriptors as it takes to connect."""
        with contextlib.suppress(OSError):
            self._take_room(self._room)

    def make_room(self) -> None:
        """Give up those kept for that, unless the process has as many left."""
        if not self._is_own(self._rest):
            return
        left: deque[int] = deque()
        try:
            self._take_room(left)
        except OSError:
            self._give_up(self._room)
        finally:
            self._give_up(left)

    def _take_room(self, room: deque[int]) -> None:
        while len(room) < _ROOM:
            room.append(os.dup(self._rest))

    def _give_up(self, room: deque[int]) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._close(room.pop())

    def close(self) -> None:
        """Close what is still its own."""
        self._give_up(self._room)
        self._close(self._number)
        self._close(self._rest)

    def _close(self, fd: int) -> None:
        if self._is_own(fd):
            os.close(fd)

    def _is_own(self, fd: int) -> bool:
        try:
            return os.fstat(fd).st_ino == self._inode
        except OSError:
            return False


class Spare:
    """The process's reserve.

    No lock: the thread that takes it out of the deque has it.
    """

    def __init__(self) -> None:
        self._reserve: _Reserve | None = None
        self._idle: deque[_Reserve] = deque()
        self._pid = 0

    def hold(self) -> None:
        """Open it, unless it is there; from one thread at a time."""
        reserve, pid = self._reserve, os.getpid()
        if reserve is not None and reserve.is_intact():
            if self._pid == pid:
                reserve.fill()
                return
            # A thread that does not exist in this child may have been using it.
            reserve.rest()
        else:
            self.release()
            try:
                reserve = _Reserve()
            except OSError:
                # The limit has been reached already; the next time there may be room.
                return
        reserve.fill()
        self._idle = deque([reserve])
        self._reserve, self._pid = reserve, pid

    def release(self) -> None:
        """Close it, or have the thread that uses it do so."""
        self._reserve = None
        with contextlib.suppress(IndexError):
            self._idle.pop().close()

    def with_room(self, connect: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call `connect`, with descriptors from the reserve if the process has too few left."""
        if (reserve := self._reserve) is not None:
            reserve.make_room()
        return connect(*args, **kwargs)

    def take(self) -> _Reserve | None:
        """Return it for use, `None` if there is none; to be given back."""
        for _ in range(_TRIES):
            with contextlib.suppress(IndexError):
                return self._idle.pop()
            if self._reserve is None:
                break
            time.sleep(_STEP)
        return None

    def give_back(self, reserve: _Reserve) -> None:
        """Take it back after use."""
        reserve.rest()
        if self._reserve is reserve:
            self._idle.append(reserve)
        else:
            reserve.close()


spare = Spare()
