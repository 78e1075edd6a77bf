"""A file that switches the agent of a running process to `observe`, while it exists.

It works without a restart, a signal or a port, on every process that sees the file: on a host, or
through a ConfigMap in all pods of a fleet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from aurora_otel.runtime.background import Background

# Seconds between two checks. A check is one `stat`, on a thread that does nothing else: where the
# file system does not answer, nothing but this switch waits.
_OFTEN = 0.25
_IDLE = 3600.0


class KillSwitch:
    """Watches for the file.

    Args:
        changed: is called with whether the switch is on, when that changes; on the switch's thread,
            and by `watch`.
    """

    def __init__(self, changed: Callable[[bool], None]) -> None:
        self._changed = changed
        self._path: str | None = None
        self._is_on = False
        self._background = Background(self._tick, "aurora-otel-kill-switch")

    @property
    def is_on(self) -> bool:
        """Whether the file existed when it was last checked."""
        return self._is_on

    def watch(self, path: str | None) -> None:
        """Watch for this file from now on; check at once.

        Args:
            path: of the file; `None`: none.
        """
        self._path = path
        self._check()

    def ensure(self) -> None:
        """Start the thread, unless it runs or there is nothing to watch for."""
        if self._path is not None:
            self._background.ensure()

    def stop(self) -> threading.Thread | None:
        """End the thread; return it, for joining."""
        return self._background.stop()

    def _tick(self) -> float:
        self._check()
        return _OFTEN if self._path is not None else _IDLE

    def _check(self) -> None:
        is_on = self._path is not None and _exists(self._path)
        if is_on is not self._is_on:
            self._is_on = is_on
            self._changed(is_on)


def _exists(path: str) -> bool:
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        # It may be there, and cannot be seen: in doubt nothing is closed.
        return True
    return True
