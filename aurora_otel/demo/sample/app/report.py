"""What the clients did, as lines on standard output."""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

REPORT_EVERY = 0.1


class Report:
    """What the clients did, written out in batches so that it does not slow them down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[dict[str, Any]] = []
        self._in_flight: dict[str, dict[str, Any]] = {}
        self._connections = 0

    def connection(self) -> int:
        """Return a number for a new connection."""
        with self._lock:
            self._connections += 1
            return self._connections

    def begin(self, operation: str, client: str, connection: int) -> dict[str, Any]:
        """Note that a call begins."""
        call = {
            "operation": operation,
            "client": client,
            "connection": connection,
            "start": time.monotonic(),
        }
        with self._lock:
            self._in_flight[client] = call
        return call

    def end(self, call: dict[str, Any], outcome: str, error: str = "") -> None:
        """Note how the call ended."""
        done = {**call, "end": time.monotonic(), "outcome": outcome, "error": error}
        with self._lock:
            del self._in_flight[call["client"]]
            self._calls.append(done)

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """Write a line each `REPORT_EVERY` seconds, on a thread, and the rest in the end."""
        finished = threading.Event()
        writer = threading.Thread(target=self._write_on, args=[finished], daemon=True)
        writer.start()
        yield
        finished.set()
        writer.join()

    def _write_on(self, finished: threading.Event) -> None:
        while not finished.wait(REPORT_EVERY):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            calls, self._calls = self._calls, []
            in_flight = list(self._in_flight.values())
        line = {"at": time.monotonic(), "calls": calls, "in_flight": in_flight}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
