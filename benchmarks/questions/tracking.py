"""Do adding and removing stay cheap with many connections tracked at once?"""

from __future__ import annotations

from time import perf_counter

from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.tracking.track import Track
from benchmarks import null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Figure, Guard, Lines, Spread

TITLE = "Tracked at once"

COUNTS = (1_000, 10_000, 100_000)
_BATCH = 500


def measure(bench: Bench) -> Answer:
    """Measure it on top of ever more tracked connections."""
    measured = apart(_measure, bench.pick(40, 8))
    figures = []
    for name in ("add", "remove", "remove by garbage collection"):
        few, many = (Spread.of(measured[name, count]) for count in (COUNTS[0], COUNTS[-1]))
        guard = Guard(many.middle / few.middle, 1.0)
        title = f"{name} at {COUNTS[-1]:,}"
        figures.append(Figure(title, many * 1e6, "µs", 10.0, guard=guard))
        growth = Spread.of([many.middle / few.middle])
        figures.append(Figure(f"{name}: {COUNTS[-1]:,} against {COUNTS[0]:,}", growth, "times"))
    series = {
        name: tuple(Spread.of(measured[name, count]).middle * 1e6 for count in COUNTS)
        for name in ("add", "remove", "remove by garbage collection")
    }
    return Answer(tuple(figures), Lines("µs", "connections tracked at once", COUNTS, series))


def _measure(rounds: int) -> dict[tuple[str, int], list[float]]:
    agent = null.start()
    first = null.track(agent, null.Connection("lab-1"))
    model: Track = getattr(first, ATTRIBUTE)
    tracker = agent.tracker
    held: list[null.Connection] = []
    measured: dict[tuple[str, int], list[float]] = {}

    def add(connection: null.Connection) -> Track:
        track = Track(
            connection,
            tracker.collected,
            group=model.group,
            cluster=model.cluster,
            instance=model.instance,
            opened_at=1.0,
            socket=None,
        )
        tracker.note(track)
        tracker.drain()
        return track

    for count in COUNTS:
        while len(held) < count:
            connection = null.Connection("lab-1")
            setattr(connection, ATTRIBUTE, add(connection))
            held.append(connection)
        for _ in range(rounds):
            batch = [null.Connection("lab-1") for _ in range(2 * _BATCH)]
            began = perf_counter()
            tracks = [add(connection) for connection in batch]
            added = perf_counter()
            for track in tracks[:_BATCH]:
                agent.hooks.closed(track)
                tracker.drain()
            closed = perf_counter()
            del batch[_BATCH:]
            tracker.drain()
            collected = perf_counter()
            tracker.take_ended()
            for name, seconds, operations in (
                ("add", added - began, 2 * _BATCH),
                ("remove", closed - added, _BATCH),
                ("remove by garbage collection", collected - closed, _BATCH),
            ):
                measured.setdefault((name, count), []).append(seconds / operations)
    return measured
