"""How soon are calls back that are stuck on a host that hangs?"""

from __future__ import annotations

import functools
import socket
import threading
import time
from typing import Any

import psycopg
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from aurora_otel.lab import Failover
from aurora_otel.telemetry import names
from benchmarks import contenders
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.place import Place
from benchmarks.subjects import Subject

TITLE = "Stuck calls"

COUNT = 100
# Times the floor.
LIMIT = 20.0


def measure(bench: Bench) -> Answer:
    """Hang the writer under so many calls."""
    last, first, detection = [], [], []
    for _ in range(bench.pick(7, 1)):
        bench.cluster.heal()
        with Subject(functools.partial(_Calls, bench.place)) as subject:
            subject.ask("stick", bench.cluster.writer)
            _wait_for_calls(bench)
            hung = time.time_ns()
            bench.cluster.failover(Failover.HANG)
            decided, returned = subject.ask("returned")
            detection.append((decided - hung) / 1e6)
            first.append((min(returned) - decided) / 1e6)
            last.append((max(returned) - decided) / 1e6)
    bench.cluster.heal()
    floor = Spread.of([apart(_bare) for _ in range(bench.pick(7, 3))])
    name = f"all of {COUNT} calls back after the decision"
    figures = (
        Figure(f"{name}: of the floor", Spread.of(last) * (1 / floor.middle), "times", LIMIT),
        Figure(name, Spread.of(last), "ms"),
        Figure("the floor", floor, "ms"),
        Figure("decision after the host hung (STUCK_AFTER=1)", Spread.of(detection), "ms"),
    )
    bars = {"first call back": Spread.of(first), "last call back": Spread.of(last)}
    notes = (
        "The floor is to shut down as many sockets on which as many threads wait, until the last of"
        " them is back: with neither a driver nor its errors."
    )
    return Answer(figures, Bars("ms after the decision", bars), notes)


def _wait_for_calls(bench: Bench) -> None:
    active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(600)%%'"
    active += " AND state = 'active' AND usename = %s"
    deadline = time.monotonic() + 30
    while bench.cluster.execute(bench.cluster.writer, active, "app")[0][0] < COUNT:
        if time.monotonic() > deadline:
            raise RuntimeError("the calls did not begin")
        time.sleep(0.05)


def _bare() -> float:
    """Return the milliseconds in which threads are back whose sockets are shut down."""
    pairs = [socket.socketpair() for _ in range(COUNT)]
    started = threading.Barrier(COUNT + 1)

    def wait(sock: socket.socket) -> None:
        started.wait()
        sock.recv(1)

    threads = [threading.Thread(target=wait, args=(ours,)) for ours, _ in pairs]
    for thread in threads:
        thread.start()
    started.wait()
    # Until all of them wait in the kernel.
    time.sleep(0.5)
    began = time.perf_counter()
    for ours, _ in pairs:
        ours.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    return (time.perf_counter() - began) * 1e3


class _Calls:
    """Makes calls that never return by themselves."""

    def __init__(self, place: Place) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._connect = contenders.ours(place, tracer_provider=provider, stuck_after=1.0)
        self._returned: list[int] = []
        self._threads: list[threading.Thread] = []

    def stick(self, instance: str) -> None:
        """Start the calls."""
        for _ in range(COUNT):
            thread = threading.Thread(target=self._call, args=(self._connect(instance),))
            thread.daemon = True
            thread.start()
            self._threads.append(thread)

    def returned(self) -> tuple[int, list[int]]:
        """Wait for all; return when the decision fell and when each was back."""
        for thread in self._threads:
            thread.join(60)
        return self._decided(), self._returned

    def _decided(self) -> int:
        """Return when the cleanup began; its span may come after the calls are back."""
        for _ in range(500):
            for span in self._exporter.get_finished_spans():
                if span.name == names.INVALIDATE.name and span.start_time:
                    return span.start_time
            time.sleep(0.02)
        raise RuntimeError("nothing was invalidated")

    def _call(self, connection: Any) -> None:
        try:
            connection.execute("SELECT pg_sleep(600)")
        except psycopg.OperationalError:
            self._returned.append(time.time_ns())
