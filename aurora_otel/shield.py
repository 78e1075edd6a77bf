"""Nothing of ours reaches the application: the shield around every hook and thread of ours.

It also tells whether the current thread is inside our code. A hook can run there too, out of a
weakref callback in any allocation of ours, and must then do no more than take a note.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from aurora_otel.telemetry import log

_OURS = str(Path(__file__).parent)


class Shield:
    """Swallows and counts our own failures, each kind logged once."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self._thread = threading.local()

    @property
    def is_inside(self) -> bool:
        """Whether the current thread is inside our code."""
        return getattr(self._thread, "inside", False)

    @contextlib.contextmanager
    def inside(self, where: str) -> Iterator[None]:
        """Run the block as our own code: an exception in it goes no further.

        Args:
            where: what was being done, for the log.
        """
        before = self.is_inside
        self._thread.inside = True
        try:
            yield
        except Exception as error:  # noqa: BLE001 - that is the point
            self._note(where, error)
        finally:
            self._thread.inside = before

    def _note(self, where: str, error: Exception) -> None:
        kind = f"{where}: {type(error).__qualname__}"
        self.failures[kind] += 1
        if self.failures[kind] == 1:
            log.internal_failure(where, error, _frames(error))


def _frames(error: Exception) -> list[str]:
    """Return our own frames; a driver's, or a source line, could quote a secret."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(_OURS)
    ]
