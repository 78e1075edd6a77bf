"""What no library can go below that does the same from Python: targets are multiples of it."""

from __future__ import annotations

import contextvars
import os
import select
import socket
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

# A watched call may add so many times what `empty` adds. Both take one more frame; `empty` packs
# its arguments where the agent reads a clock and marks the call, and which of these is dearer
# differs by a tenth from one machine, and one of its phases, to another.
OF_EMPTY = 1.25

_ATTRIBUTES: dict[str, Any] = {
    "aurora.cluster.id": "lab",
    "db.system.name": "postgresql",
    "aurora.instance.id": "lab-1",
    "aurora.instance.role": "writer",
    "aurora.endpoint.type": "instance",
    "aurora.driver": "null",
    "server.address": "lab-1.example.com",
    "server.port": 5432,
}


def empty(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `original` in a wrapper as thin as a Python function can be."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    return call


def empty_coroutine(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `original` in a wrapper as thin as a coroutine function can be."""

    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await original(self, *args, **kwargs)

    return call


def poll_and_wrappers() -> Callable[[], None]:
    """Return a call of two methods in empty wrappers, the first of which polls a socket once."""
    ours, theirs = socket.socketpair()
    taking, putting = empty(lambda _: _poll(ours)), empty(lambda _: None)

    def use() -> None:
        taking(theirs)
        putting(theirs)

    return use


def poll_and_coroutines() -> Callable[[], Coroutine[Any, Any, None]]:
    """As `poll_and_wrappers`, with two coroutine functions in empty wrappers."""
    ours, theirs = socket.socketpair()

    async def check_out(_: Any) -> None:
        _poll(ours)

    async def put_back(_: Any) -> None:
        pass

    taking, putting = empty_coroutine(check_out), empty_coroutine(put_back)

    async def use() -> None:
        await taking(theirs)
        await putting(theirs)

    return use


def _poll(sock: socket.socket) -> None:
    poll = select.poll()
    poll.register(sock, select.POLLHUP)
    poll.poll(0)


class Tracked(weakref.ref[Any]):
    """A weak reference that is equal to no other one to the same object, and nothing besides."""

    __slots__ = ()
    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Held:
    """Connections that are tracked as cheaply as can be: a weak reference to each, in a set."""

    def __init__(self) -> None:
        self._tracked: set[Tracked] = set()

    def add(self, connection: Any) -> Tracked:
        """Track a connection; forget it when it is collected."""
        tracked = Tracked(connection, self._tracked.discard)
        self._tracked.add(tracked)
        return tracked

    def remove(self, tracked: Tracked) -> None:
        """Forget a connection."""
        self._tracked.discard(tracked)


def opening() -> Callable[[], None]:
    """Return a call of an empty wrapper that tracks a connection and asks which socket it has."""
    ours, theirs = socket.socketpair()
    held = Held()

    def connect(connection: Any) -> None:
        held.remove(held.add(connection))
        os.fstat(ours.fileno())
        theirs.getpeername()

    wrapped = empty(connect)
    return lambda: wrapped(theirs)


def carrying_out() -> Callable[[], None]:
    """Return a call of the two functions that a driver's connect passes, in empty wrappers.

    The first leaves a note for the second, which is a generator, as psycopg's are.
    """
    note: contextvars.ContextVar[Any] = contextvars.ContextVar("note", default=None)

    def connecting(_: Any) -> Generator[Any, Any, Any]:
        return (yield note.get())

    resolve, connect = empty(note.set), empty(connecting)

    def both() -> None:
        resolve(note)
        steps = connect(note)
        next(steps)
        try:
            steps.send(None)
        except StopIteration:
            return

    return both


def span_and_record() -> Callable[[], None]:
    """Return a call that makes a span and records one measurement with OpenTelemetry's SDK."""
    tracer = TracerProvider().get_tracer("benchmarks")
    meter = MeterProvider([InMemoryMetricReader()]).get_meter("benchmarks")
    histogram = meter.create_histogram("open", "s")

    def emit() -> None:
        tracer.start_span("track connection", attributes=_ATTRIBUTES).end()
        histogram.record(0.0001, dict(_ATTRIBUTES))

    return emit


def two_attributes() -> Callable[[], None]:
    """Return a call that sets two attributes on a span that records."""
    span = TracerProvider().get_tracer("benchmarks").start_span("query")

    def show() -> None:
        span.set_attribute("aurora.instance.id", "lab-1")
        span.set_attribute("aurora.instance.role", "writer")

    return show


def two_records() -> Callable[[], None]:
    """Return a call that records two measurements of histograms with OpenTelemetry's SDK."""
    meter = MeterProvider([InMemoryMetricReader()]).get_meter("benchmarks")
    histograms = [meter.create_histogram(name, "s") for name in ("wait", "use")]
    attributes = {"db.client.connection.pool.name": "pool"}

    def record() -> None:
        for histogram in histograms:
            histogram.record(0.0001, attributes)

    return record


def observations(count: int) -> list[Observation]:
    """Return so many observations, each with attributes of its own."""
    return [Observation(number, dict(_ATTRIBUTES)) for number in range(count)]
