"""Do adding and removing stay cheap with many connections tracked at once?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import process_time

from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.tracking.track import Track
from benchmarks import null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Figure, Lines, Spread
from benchmarks.floor import Held

TITLE = "Tracked at once"

COUNTS = (1_000, 10_000, 100_000)
_BATCH = 500

ADD, REMOVE, COLLECT = "add", "remove", "remove by garbage collection"
_BARE_ADD, _BARE_REMOVE = "bare add", "bare remove"
# Times the floor, which calls 7 functions. To add calls 31 and fills the 25 slots of a track; to
# remove calls 11, and enters the end in the group's books, under the lock.
LIMITS = {ADD: 13.0, REMOVE: 8.0, COLLECT: 8.0}


def measure(bench: Bench) -> Answer:
    """Measure it on top of ever more tracked connections."""
    measured = apart(_measure, bench.pick(40, 8))
    figures = []
    floor = sum(Spread.of(measured[name, COUNTS[-1]]).middle for name in (_BARE_ADD, _BARE_REMOVE))
    for name in (ADD, REMOVE, COLLECT):
        few, many = (Spread.of(measured[name, count]) for count in (COUNTS[0], COUNTS[-1]))
        title = f"{name} at {COUNTS[-1]:,}"
        figures.append(Figure(f"{title}: of the floor", many * (1 / floor), "times", LIMITS[name]))
        figures.append(Figure(title, many * 1e6, "µs"))
        growth = Spread.of([many.middle / few.middle])
        figures.append(Figure(f"{name}: {COUNTS[-1]:,} against {COUNTS[0]:,}", growth, "times"))
    series = {
        name: tuple(Spread.of(measured[name, count]).middle * 1e6 for count in COUNTS)
        for name in (ADD, REMOVE, COLLECT)
    }
    notes = "The floor is a weak reference in a set, made, put there and taken out."
    return Answer(tuple(figures), Lines("µs", "connections tracked at once", COUNTS, series), notes)


def _measure(rounds: int) -> dict[tuple[str, int], list[float]]:
    agent = null.start()
    first = null.track(agent, null.Connection("lab-1"))
    model: Track = getattr(first, ATTRIBUTE)
    tracker = agent.tracker
    held: list[null.Connection] = []
    measured: dict[tuple[str, int], list[float]] = {}
    bare = Held()

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
            bare.add(connection)
        for _ in range(rounds):
            batch = [null.Connection("lab-1") for _ in range(2 * _BATCH)]
            began = process_time()
            tracks = [add(connection) for connection in batch]
            added = process_time()
            for track in tracks[:_BATCH]:
                agent.hooks.closed(track)
                tracker.drain()
            closed = process_time()
            del batch[_BATCH:]
            tracker.drain()
            collected = process_time()
            tracker.take_ended()
            for name, seconds, operations in (
                (ADD, added - began, 2 * _BATCH),
                (REMOVE, closed - added, _BATCH),
                (COLLECT, collected - closed, _BATCH),
                *_bare(batch, bare),
            ):
                measured.setdefault((name, count), []).append(seconds / operations)
    return measured


def _bare(batch: Sequence[null.Connection], held: Held) -> Iterator[tuple[str, float, int]]:
    """Return what the same takes that tracks connections and does nothing else."""
    began = process_time()
    tracked = [held.add(connection) for connection in batch]
    added = process_time()
    for each in tracked:
        held.remove(each)
    removed = process_time()
    yield _BARE_ADD, added - began, len(batch)
    yield _BARE_REMOVE, removed - added, len(batch)
