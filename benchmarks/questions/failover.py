"""How soon is the last stale connection shut down?"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import threading
import time
from collections.abc import Sequence
from typing import Any

import psycopg

from aurora_otel.lab import Failover
from aurora_otel.model import detector
from benchmarks.bench import Bench
from benchmarks.contenders import AWS_USUAL, CONTENDERS, OURS
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.place import Place
from benchmarks.subjects import Subject

TITLE = "Symptom to clean"

HELD = 20
PATIENCE = 20.0
# So many failovers are taken together, and so many such groups are compared. AWS's wrapper asks
# every 100 ms: what it takes by chance says nothing, once or twice.
TOGETHER, GROUPS = 5, 5
BOTH = (OURS, AWS_USUAL)
# Times what AWS's wrapper takes at the same failover.
LIMIT = 1.0


def measure(bench: Bench) -> Answer:
    """Switch over under ours and AWS's wrapper at once, each in a process of its own.

    In a planned switch-over the topology names the new writer before the old one refuses writes;
    in the other kind it does so half a second later.
    """
    figures: list[Figure] = []
    bars: dict[str, Spread] = {}
    for kind, delay in (
        (("first", None),) if bench.quick else (("first", None), ("0.5 s late", 0.5))
    ):
        times: dict[str, list[float]] = {name: [] for name in BOTH}
        for _ in range(TOGETHER * bench.pick(GROUPS, 1)):
            for name, seconds in _switch_over(bench, delay).items():
                times[name].append(seconds * 1e3)
        ours, aws = (Spread.of(times[name]) for name in BOTH)
        ratio = of_groups(*times.values())
        title = f"{HELD} connections, topology {kind}"
        figures.append(Figure(f"{title}: {OURS}, of AWS's time", ratio, "times", LIMIT))
        figures.append(Figure(f"{title}: {OURS}", ours, "ms"))
        figures.append(Figure(f"{title}: AWS", aws, "ms"))
        bars |= {f"{name}, topology {kind}": Spread.of(times[name]) for name in BOTH}
    notes = (
        "The time is from the moment when the topology names the new writer and the process has"
        " seen a symptom (the begin of the first write that fails), until the last of the"
        " connections to the old writer is shut down or closed. Both processes meet the same"
        " failovers at the same time, and compete for the machine then. Ours, of AWS's time: of"
        f" {TOGETHER} failovers together.\n\n"
        f"Where the topology is late, ours refreshes again after {detector.PATIENCE:.0%} of the"
        f" time since the symptom, at least after {detector.FIRST_STEP * 1e3:.0f} ms, so that"
        " thousands of processes that lost the same writer do not storm the instances that they ask"
        " while an outage lasts. The last of these pauses goes into the figure; AWS's wrapper asks"
        " at a steady pace, each process for itself."
    )
    return Answer(tuple(figures), Bars("ms", bars), notes)


def of_groups(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return what ours took of the time that theirs took, of each `TOGETHER` failovers."""
    starts = range(0, len(ours), TOGETHER)
    groups = ((each[at : at + TOGETHER] for each in (ours, theirs)) for at in starts)
    return Spread.of([sum(mine) / sum(others) for mine, others in groups])


def _switch_over(bench: Bench, delay: float | None) -> dict[str, float]:
    """Return, for each, the seconds to clean."""
    cluster = bench.cluster
    cluster.heal()
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(Subject(functools.partial(_Application, name, bench.place)))
            for name in BOTH
        }
        for subject in running.values():
            subject.ask("begin")
        time.sleep(0.3)
        visible = _switch(bench, delay)
        for subject in running.values():
            subject.request("clean", visible)
        return {name: subject.answer() for name, subject in running.items()}


def _switch(bench: Bench, delay: float | None) -> float:
    """Switch over; return when the topology named the new writer."""
    switch = bench.cluster.failover(Failover.SWITCHOVER, publish=delay is None)
    if delay is None:
        return switch.published or switch.began
    time.sleep(delay)
    bench.cluster.publish()
    return time.monotonic()


class _Application:
    """Holds connections through the writer endpoint, and writes in one thread."""

    def __init__(self, contender: str, place: Place) -> None:
        self._connect = CONTENDERS[contender](place)
        self._pool: list[Any] = []
        self._first: float | None = None
        self._ends = _Ends()

    def begin(self) -> None:
        """Open the connections, and start to write."""
        self._pool = [self._connect("writer") for _ in range(HELD)]
        self._ends.watch([_driver_connection(each) for each in self._pool])
        threading.Thread(target=self._write, daemon=True).start()

    def clean(self, visible: float) -> float:
        """Return the seconds until all were gone, from the first symptom after `visible`."""
        last = self._ends.wait()
        return max(0.0, last - max(visible, self._first or visible))

    def _write(self) -> None:
        while True:
            # Each connection has its turn, as out of a pool.
            connection = self._pool.pop(0)
            began = time.monotonic()
            try:
                if _driver_connection(connection).closed:
                    connection = self._connect("writer")
                connection.cursor().execute("INSERT INTO writes VALUES (1)")
            except Exception:  # noqa: BLE001 - whatever a contender makes of it
                self._first = self._first or began
            self._pool.append(connection)
            time.sleep(0.002)


class _Ends:
    """When each of some connections ended, as its socket shows, however it was ended."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._last = 0.0

    def watch(self, connections: list[psycopg.Connection[Any]]) -> None:
        """Take note from here on, on a thread that waits in the kernel."""
        # Duplicates: a number that is closed is given to another connection.
        duplicates = [os.dup(connection.fileno()) for connection in connections]
        threading.Thread(target=self._poll, args=(duplicates,), daemon=True).start()

    def wait(self) -> float:
        """Return when the last one ended, once all have."""
        if not self._ended.wait(PATIENCE):
            message = f"some connections to the old writer were still open after {PATIENCE} s"
            raise TimeoutError(message)
        return self._last

    def _poll(self, duplicates: list[int]) -> None:
        poll = select.poll()
        for fd in duplicates:
            poll.register(fd, select.POLLRDHUP)
        left = set(duplicates)
        while left:
            ended = [fd for fd, _ in poll.poll()]
            self._last = time.monotonic()
            for fd in ended:
                poll.unregister(fd)
                os.close(fd)
            left.difference_update(ended)
        self._ended.set()


def _driver_connection(connection: Any) -> Any:
    return getattr(connection, "target_connection", connection)
