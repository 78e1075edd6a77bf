"""How much memory does a tracked connection take?"""

from __future__ import annotations

import gc
import tracemalloc

from opentelemetry.sdk.trace import TracerProvider

from benchmarks import null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Figure, Lines, Spread

TITLE = "Memory per tracked connection"


def measure(bench: Bench) -> Answer:
    """Measure what is allocated for each, with and without the context of a sampled span."""
    counts = (1_000, 10_000) if bench.quick else (1_000, 10_000, 100_000)
    without = {count: apart(_kib, count, False) for count in counts}  # noqa: FBT003 - a worker's
    sampled = {count: apart(_kib, count, True) for count in counts}  # noqa: FBT003 - a worker's
    figures = (
        Figure("no spans", Spread.of(list(without.values())), "KiB", 1.0),
        Figure("opened in a sampled span", Spread.of(list(sampled.values())), "KiB", 1.0),
    )
    series = {"no spans": tuple(without.values()), "sampled": tuple(sampled.values())}
    return Answer(figures, Lines("KiB per connection", "connections", counts, series))


def _kib(count: int, sampled: bool) -> float:  # noqa: FBT001 - called in another process
    agent = null.start(tracer_provider=TracerProvider()) if sampled else null.start()
    null.track(agent, first := null.Connection("lab-1"))
    connections = [null.Connection("lab-1") for _ in range(count)]
    for connection in connections:
        # The attribute is part of it, the dictionary is the driver's object's own.
        connection.other = None  # type: ignore[attr-defined]
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for connection in connections:
        null.track(agent, connection)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    del first
    return (after - before) / count / 1024
