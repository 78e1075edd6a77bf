"""Calls a function between any two lines of another, as another thread would do it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


class Strike:
    """Calls a function once, before one line of some files.

    Attributes:
        has_struck: whether it has happened.

    Args:
        files: the ends of their paths.
        line: how many of their lines run before.
    """

    def __init__(self, files: tuple[str, ...], line: int) -> None:
        self.has_struck = False
        self._files = files
        self._left = line
        self._other: Callable[[], Any] = lambda: None

    def during(self, action: Callable[[], Any], other: Callable[[], Any]) -> Any:
        """Call `action`, and `other` in the middle of it."""
        self._other = other
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            return action()
        finally:
            sys.settrace(before)

    def _trace(self, frame: Any, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.endswith(self._files):
            return None
        if event == "line" and not self.has_struck:
            self._left -= 1
            if self._left < 0:
                self.has_struck = True
                self._other()
        return self._trace


def for_each_line(files: tuple[str, ...], play: Callable[[Strike], None]) -> None:
    """Call `play` with a strike before the first line, before the second, and so on to the last."""
    line = 0
    while True:
        strike = Strike(files, line)
        play(strike)
        if not strike.has_struck:
            break
        line += 1
    assert line > 0, f"no line of {files} has run"
