"""What does each piece of work cost as there is more and more of it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks import growing
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Figure, Lines, Panels, Spread
from benchmarks.growing import ROUND, SCRAPE, VERDICT, Taken

TITLE = "Cost as the work grows"

# What grows: who measures it, how far, and what of it may grow as well; the rest stays flat.
AXES: dict[str, tuple[Callable[..., Taken], tuple[int, ...], frozenset[str]]] = {
    "connections": (
        growing.over_connections,
        (100, 1_000, 10_000, 100_000),
        frozenset({SCRAPE, VERDICT, ROUND}),
    ),
    "clusters": (growing.over_clusters, (1, 10, 100), frozenset({SCRAPE, ROUND})),
    "instances of a cluster": (
        growing.over_instances,
        (3, 8, 24, 64),
        frozenset({SCRAPE, VERDICT, ROUND}),
    ),
    "pools": (growing.over_pools, (1, 4, 16, 64), frozenset({SCRAPE})),
}
# Times as long for one of them, where there are the most as where there were fewest.
FLAT = 2.5
# Times what would be linear, from the last step but one to the last. Ten times as many miss the
# processor's caches more often, and take up to twice as long each; what is quadratic, ten times.
LINEAR = 3.0

NOTES = f"""\
Each is the processor's time, the best of {growing.REPEATS}; opening, closing and a
checkout are for one connection, and have to stay flat; a scrape, a verdict and a background round
(with pruning) deal with all that there is, and may grow as it does. Both axes are logarithmic: what
is linear rises by as much as it goes to the right. A verdict is on one cluster, of which there are
{growing.HELD} connections however many clusters there are. The connections have no sockets; what
those cost is under "Invalidating idle connections" and "Idle". Threads and tasks are under "Threads
and tasks on the hot path"."""


def measure(bench: Bench) -> Answer:
    """Measure each along each axis, and compare its ends."""
    figures: list[Figure] = []
    plots: dict[str, Lines] = {}
    for over, (work, counts, may_grow) in AXES.items():
        chosen = counts[:-1] if bench.quick and over == "connections" else counts
        taken = apart(work, chosen)
        names = list(dict.fromkeys(name for name, _ in taken))
        for name in names:
            series = [taken[name, count] for count in chosen]
            figures += _figures(f"{name}, over {over}", chosen, series, name in may_grow)
        series_of = {name: tuple(taken[name, count] * 1e6 for count in chosen) for name in names}
        plots[f"Over {over}"] = Lines("µs", over, chosen, series_of, is_steep=True)
    return Answer(tuple(figures), Panels(plots), NOTES)


def _figures(
    name: str,
    counts: tuple[int, ...],
    seconds: list[float],
    may_grow: bool,  # noqa: FBT001 - of two kinds
) -> Iterator[Figure]:
    last = Spread.of([seconds[-1] * 1e6])
    if may_grow:
        linear = seconds[-2] * counts[-1] / counts[-2]
        title = f"{name}: from {counts[-2]:,} to {counts[-1]:,}, of linear growth"
        yield Figure(title, Spread.of([seconds[-1] / linear]), "times", LINEAR)
    else:
        title = f"{name}: at {counts[-1]:,} against {counts[0]:,}"
        yield Figure(title, Spread.of([seconds[-1] / seconds[0]]), "times", FLAT)
    yield Figure(f"{name}: at {counts[-1]:,}", last, "µs")
