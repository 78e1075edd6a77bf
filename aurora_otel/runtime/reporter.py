"""The thread that emits what the agent reports.

Exporters, span processors and log handlers are the application's code, and may block for as long as
they like. On a thread that does nothing else, they hold up neither a refresh nor a clean-up, a
waiting call or the background loop.

Reports come from any thread, also from hooks, so `put` only appends and wakes. The thread is
started by the first report, and again by the next one if it ever died.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import queue
import threading
from collections import deque
from collections.abc import Callable

from opentelemetry.instrumentation.utils import suppress_instrumentation

from aurora_otel.runtime.background import Background
from aurora_otel.runtime.gate import Gate
from aurora_otel.runtime.shield import Shield

# So many reports of each kind wait; refreshes alone make one in 15 s, and a few a second at first.
MOST = 256
# How long an end, of the agent or of the process, waits for the last reports: seconds.
LONGEST = 2.0
# The thread is woken by each report; without one, it has nothing to do: seconds.
_IDLE = 3600.0

Emit = Callable[[], None]


class Reporter:
    """Emits reports one after the other, in the order in which they came.

    Args:
        shield: counts what goes wrong on the way, and reports that are dropped.
    """

    def __init__(self, shield: Shield) -> None:
        self._shield = shield
        self._pid = os.getpid()
        self._numbers = itertools.count()
        self._essential: deque[tuple[int, Emit]] = deque()
        self._informational: deque[tuple[int, Emit]] = deque()
        self._background = Background(self._emit_all, "aurora-otel-reporter")
        self._has_reported = False
        self._stopped = False

    def put(self, emit: Emit, *, is_essential: bool) -> None:
        """Have `emit` called on the reporter's thread; wait for nothing.

        Where too many wait, the oldest of the same importance is dropped.

        Args:
            emit: emits a report.
            is_essential: whether it is dropped only for another that is essential, too.
        """
        if self._stopped:
            return
        waiting = self._essential if is_essential else self._informational
        waiting.append((next(self._numbers), emit))
        if len(waiting) > MOST:
            with contextlib.suppress(IndexError):
                waiting.popleft()
            self._shield.note("report", queue.Full())
        if not self._has_reported:
            self._has_reported = True
            # Not before: what is registered last runs first, and a provider that was set after the
            # agent started ends with the process, too.
            atexit.register(self.flush)
        self._wake()

    def flush(self, seconds: float = LONGEST) -> bool:
        """Wait until everything that was put so far is emitted; return whether it is.

        Args:
            seconds: to wait at most.
        """
        if self._stopped or not self._has_reported or self._pid != os.getpid():
            return True
        if threading.current_thread() is self._background.thread:
            # A log handler ends the agent.
            return False
        emitted = Gate()
        self._essential.append((next(self._numbers), emitted.open))
        self._wake()
        return emitted.wait(seconds)

    def stop(self) -> None:
        """Emit what waits, and end the thread; wait for both no longer than `LONGEST`."""
        is_idle = self.flush()
        self._stopped = True
        atexit.unregister(self.flush)
        thread = self._background.stop()
        if is_idle and thread is not None:
            thread.join(LONGEST)

    def _wake(self) -> None:
        self._background.ensure()
        self._background.wake()

    def _emit_all(self) -> float:
        with suppress_instrumentation():
            while (emit := self._take()) is not None and not self._stopped:
                self._shield.run("report", emit)
        return _IDLE

    def _take(self) -> Emit | None:
        while self._essential or self._informational:
            # `put` may drop the first one meanwhile.
            with contextlib.suppress(IndexError, ValueError):
                both = (self._essential, self._informational)
                first = min(filter(None, both), key=lambda waiting: waiting[0][0])
                return first.popleft()[1]
        return None
