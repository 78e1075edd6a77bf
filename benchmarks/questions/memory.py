"""How much memory does a tracked connection take?"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from opentelemetry.sdk.trace import TracerProvider

from benchmarks import null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Figure, Lines, Spread
from benchmarks.floor import Held

TITLE = "Memory per tracked connection"

# Times the floor.
LIMIT = 6.0


def measure(bench: Bench) -> Answer:
    """Measure what is allocated for each, with and without the context of a sampled span."""
    counts = (1_000, 10_000) if bench.quick else (1_000, 10_000, 100_000)
    without = {count: apart(_kib, count, False) for count in counts}  # noqa: FBT003 - a worker's
    sampled = {count: apart(_kib, count, True) for count in counts}  # noqa: FBT003 - a worker's
    floor = {count: apart(_bare_kib, count) for count in counts}
    figures = []
    for name, measured in (("no spans", without), ("opened in a sampled span", sampled)):
        times = Spread.of([measured[count] / floor[count] for count in counts])
        figures.append(Figure(f"{name}: of the floor", times, "times", LIMIT))
        figures.append(Figure(name, Spread.of(list(measured.values())), "KiB"))
    series = {"no spans": tuple(without.values()), "sampled": tuple(sampled.values())}
    series["a weak reference in a set"] = tuple(floor.values())
    notes = "The floor is a weak reference in a set, with a callback that takes it out."
    plot = Lines("KiB per connection", "connections", counts, series)
    return Answer(tuple(figures), plot, notes)


def _kib(count: int, sampled: bool) -> float:  # noqa: FBT001 - called in another process
    agent = null.start(tracer_provider=TracerProvider()) if sampled else null.start()
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
