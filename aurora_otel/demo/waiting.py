"""Waiting while a run goes on."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from aurora_otel.demo.application import ApplicationError
from aurora_otel.demo.recording import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from aurora_otel.demo.application import Application
    from aurora_otel.demo.recording import Timeline

START_SECONDS = 30.0


def wait_until_started(application: Application, timeline: Timeline, connections: int) -> float:
    """Wait until the application has opened its held connections; return when that was.

    Raises:
        ApplicationError: it ended, or has not opened them in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        connected = [call for call in timeline.calls if call.outcome is Outcome.CONNECTED]
        if len(connected) >= connections:
            return time.monotonic()
        application.check()
        if time.monotonic() > deadline:
            raise ApplicationError(
                f"The sample application opened {len(connected)} of {connections} connections "
                f"within {START_SECONDS:g} s:\n{application.output}"
            )
        time.sleep(0.05)


def sleep_until(moment: float) -> float:
    """Sleep until a moment of the monotonic clock; return when it is over."""
    time.sleep(max(0.0, moment - time.monotonic()))
    return time.monotonic()


class Repeatedly:
    """Calls `task` every `seconds` on a thread while the context lasts."""

    def __init__(self, task: Callable[[], object], seconds: float) -> None:
        self._task = task
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._task()
            self._ended.wait(self._seconds)
