"""What no library can go below that does the same from Python: targets are multiples of it."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader


def empty(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `original` in a wrapper as thin as a Python function can be."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    return call


def poll_and_wrappers() -> Callable[[], None]:
    """Return a call of two methods in empty wrappers, the first of which polls a socket once."""
    ours, theirs = socket.socketpair()

    def check_out(_: Any) -> None:
        poll = select.poll()
        poll.register(ours, select.POLLHUP)
        poll.poll(0)

    taking, putting = empty(check_out), empty(lambda _: None)

    def use() -> None:
        taking(theirs)
        putting(theirs)

    return use


def two_records() -> Callable[[], None]:
    """Return a call that records two measurements of histograms with OpenTelemetry's SDK."""
    meter = MeterProvider([InMemoryMetricReader()]).get_meter("benchmarks")
    histograms = [meter.create_histogram(name, "s") for name in ("wait", "use")]
    attributes = {"db.client.connection.pool.name": "pool"}

    def record() -> None:
        for histogram in histograms:
            histogram.record(0.0001, attributes)

    return record
