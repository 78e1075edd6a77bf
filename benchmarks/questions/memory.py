"""How much memory does a tracked connection take?"""

from __future__ import annotations

import functools
import gc
import tracemalloc
from collections.abc import Callable

from opentelemetry.sdk.trace import TracerProvider

from benchmarks import null
from benchmarks.apart import at_once
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Figure, Lines, Spread
from benchmarks.floor import Held

TITLE = "Memory per tracked connection"

# Times the floor.
LIMIT = 6.0


def measure(bench: Bench) -> Answer:
    """Measure what is allocated for each, with and without the context of a sampled span."""
    counts = (1_000, 10_000) if bench.quick else (1_000, 10_000, 100_000)
    # Side by side: memory is counted, not timed.
    kinds = (_kib, functools.partial(_kib, is_sampled=True), _bare_kib)
    found = [at_once(*(functools.partial(each, count) for each in kinds)) for count in counts]
    without, sampled, floor = zip(*found, strict=True)
    figures = []
    for name, measured in (("no spans", without), ("opened in a sampled span", sampled)):
        times = Spread.of([kib / bare for kib, bare in zip(measured, floor, strict=True)])
        figures.append(Figure(f"{name}: of the floor", times, "times", LIMIT))
        figures.append(Figure(name, Spread.of(measured), "KiB"))
    series = {"no spans": without, "sampled": sampled, "a weak reference in a set": floor}
    notes = "The floor is a weak reference in a set, with a callback that takes it out."
    plot = Lines("KiB per connection", "connections", counts, series)
    return Answer(tuple(figures), plot, notes)


def _kib(count: int, *, is_sampled: bool = False) -> float:
    agent = null.start(tracer_provider=TracerProvider()) if is_sampled else null.start()
    null.track(agent, first := null.Connection("lab-1"))
    kib = _allocated(count, lambda connection: null.track(agent, connection))
    del first
    return kib


def _bare_kib(count: int) -> float:
    held = Held()
    return _allocated(count, held.add)


def _allocated(count: int, track: Callable[[null.Connection], object]) -> float:
    """Return the KiB that are allocated for each connection that is tracked."""
    connections = [null.Connection("lab-1") for _ in range(count)]
    for connection in connections:
        # The attribute is part of it, the dictionary is the driver's object's own.
        connection.other = None  # type: ignore[attr-defined]
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for connection in connections:
        track(connection)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    return (after - before) / count / 1024
