"""A thread of the agent's own that does what is due, and can be woken.

The background loop is one, which prunes and notices what no call reports; the reporter is another.
It starts when it is first needed, is started again if it ever died, and after a fork, and ends with
the agent. In uWSGI's master it does not start, and is first needed in a worker.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from aurora_otel.runtime import uwsgi
from aurora_otel.runtime.mailbox import Mailbox
from aurora_otel.runtime.signals import block_sigpipe


class Background:
    """A thread that calls `tick` when it is time.

    Args:
        tick: does what is due and returns the seconds until something is due again.
        name: of the thread.
    """

    def __init__(self, tick: Callable[[], float], name: str = "aurora-otel-background") -> None:
        self._tick = tick
        self._name = name
        self._thread: threading.Thread | None = None
        self._stopped = False
        # Who runs after whom. No lock: one that was made before gevent replaced them is no place to
        # switch greenlets in, as asking for a thread's life does.
        self._replacements: dict[threading.Thread | None, threading.Thread] = {}
        self._wakes: Mailbox[None] | None = None

    @property
    def thread(self) -> threading.Thread | None:
        """The thread, once it was started."""
        return self._thread

    @property
    def is_running(self) -> bool:
        """Whether the thread lives, in this process."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def ensure(self) -> None:
        """Start the thread, unless it runs."""
        if self.is_running or self._stopped or uwsgi.is_master():
            return
        # The interpreter may be shutting down.
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def wake(self) -> None:
        """Have `tick` called now."""
        if self._wakes is not None:
            self._wakes.put(None)

    def stop(self) -> threading.Thread | None:
        """End the thread; return it, for joining."""
        self._stopped = True
        self.wake()
        return self._thread

    def _run(self) -> None:
        # Not made before there is a thread: gevent may replace threads and locks until then.
        wakes: Mailbox[None] = Mailbox()
        # Of several that were started at the same moment, one goes on. This is decided here, where
        # no signal interrupts it.
        before, current = self._thread, threading.current_thread()
        if self.is_running or self._replacements.setdefault(before, current) is not current:
            return
        self._thread, self._wakes = current, wakes
        # The thread may have inherited the context of the request that it was started in.
        otel_context.attach(Context())
        block_sigpipe()
        while not self._stopped:
            wakes.take(self._tick())
