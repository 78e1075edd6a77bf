"""An application whose threads write all the time, by names that C resolves, too.

`test_stale_names.py` starts it. It reads from its standard input which driver it uses, with what
settings, and where its threads connect to; and, later on, a line that has it stop. Then it prints
what its threads did.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

from aurora_otel import AuroraInstrumentor, snapshot
from aurora_otel.instrumentor import running_agent
from tests.drivers.pooled import Source
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import BY_ID, Descriptor, Place
from tests.support.sql import write

KNOWN = {**BY_ID, **{driver.id: driver for driver in ASYNC_DRIVERS}}
# Seconds between two writes of a thread, and how many it does on one connection.
EVERY = 0.02
WRITES = 5


class Writer:
    """One thread of the application.

    Attributes:
        opened: when each connect or checkout began and ended, and where the connection led to.
        is_pooled: whether a pool has its connections.
        written: when each write was begun that the server accepted.
        failed: when each connect or write ended that failed, and with what error.
    """

    def __init__(self, driver: Descriptor, place: Place, pool: str | None) -> None:
        self.opened: list[tuple[float, float, str]] = []
        self.written: list[float] = []
        self.failed: list[tuple[float, str]] = []
        self.is_pooled = pool is not None
        self._driver = driver
        # By the name alone: beside an address, it would not be resolved.
        given = driver.arguments(place).items()
        arguments = {name: value for name, value in given if name != "hostaddr"}
        self._source = Source(driver, arguments, pool)
        self._connection: Any = None

    def run(self, stopped: threading.Event) -> None:
        """Write until that is set."""
        while not stopped.wait(EVERY):
            began = time.monotonic()
            try:
                self._write(began)
            except self._driver.errors as error:
                self.failed.append((time.monotonic(), f"{type(error).__name__}: {error}"))
                self._close()
        self._close()
        self._source.end()

    def _write(self, began: float) -> None:
        if self._connection is None:
            self._connection = self._source.connect()
            ended = time.monotonic()
            self.opened.append((began, ended, self._driver.serving(self._connection)))
        write(self._connection)
        self.written.append(began)
        if len(self.written) % WRITES == 0:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                self._source.give_back(connection)
        except self._driver.errors:
            # It was lost already.
            pass


def main() -> None:
    task = json.loads(sys.stdin.readline())
    driver = KNOWN[task["driver"]]
    AuroraInstrumentor().instrument(**task["settings"])
    writers = [Writer(driver, Place(*place), pool) for place, pool in task["places"]]
    stopped = threading.Event()
    threads = [threading.Thread(target=writer.run, args=[stopped]) for writer in writers]
    for thread in threads:
        thread.start()
    for line in sys.stdin:
        if line == "stop\n":
            break
        print(json.dumps([len(each.written) for each in writers]), flush=True)  # noqa: T201 - its answer
    stopped.set()
    for thread in threads:
        thread.join()
    with running_agent().tracker.settled():
        straight = sum(
            sum(book.straight.values()) for book in running_agent().tracker.books.values()
        )
    report = {
        "writers": [
            {
                "opened": each.opened,
                "written": each.written,
                "failed": each.failed,
                "pooled": each.is_pooled,
            }
            for each in writers
        ],
        "straight": straight,
        "internal_failures": snapshot().internal_failures,
    }
    AuroraInstrumentor().uninstrument()
    print(json.dumps(report))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
