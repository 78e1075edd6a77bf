"""A process in which more and more is tracked, and what each piece of work takes there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import thread_time
from typing import Any

from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.hooks.rounds import Rounds
from aurora_otel.pools.protocol import Description, Gauges, Target
from benchmarks import null
from benchmarks.callbacks import Callbacks

OPEN, CLOSE, SCRAPE = "opening", "closing", "a scrape"
VERDICT, ROUND, CHECKOUT = "a verdict", "a background round", "a checkout"
# So many are opened and closed to see what one takes.
_BATCH = 200
REPEATS = 7
# Connections of a cluster, where there are more and more clusters.
HELD = 30
# So many are checked out to see what one takes.
_CHECKOUTS = 2048

# Seconds by what was done and how much there was.
Taken = dict[tuple[str, int], float]


class Grown:
    """An agent, clusters of null instances, and connections to them."""

    def __init__(self) -> None:
        self.agent = null.start()
        use_cases = self.agent.use_cases
        # With a clock of their own: pruning is due in each of these.
        self._now = use_cases.context.clock()
        context = replace(use_cases.context, clock=lambda: self._now)
        self._rounds = Rounds(context, use_cases.openings.drivers, deque())
        self._callbacks = Callbacks(self.agent)
        self._firsts: list[null.Connection] = []
        self._members: list[tuple[str, ...]] = []
        self._held: list[null.Connection] = []

    def add_cluster(self, instances: int) -> None:
        """Meet another cluster of so many instances."""
        name = f"c{len(self._firsts)}"
        self._members.append(tuple(f"{name}-{number}" for number in range(instances)))
        self._firsts.append(null.track(self.agent, null.Connection(f"{name}-0")))
        self._judge(-1)

    def widen(self, instances: int) -> None:
        """Let the only cluster have so many instances."""
        self._members[0] = tuple(f"c0-{number}" for number in range(instances))
        self._judge(0)

    def hold(self, connections: int) -> None:
        """Hold so many connections, spread over all instances."""
        names = [name for members in self._members for name in members]
        while len(self._held) < connections:
            instance = names[len(self._held) % len(names)]
            self._held.append(null.track(self.agent, null.Connection(instance)))
        self.agent.tracker.drain()

    def measure(self) -> Iterator[tuple[str, float]]:
        """Yield what each piece of work takes now, at its best: the processor's seconds."""
        opened, closed = zip(*(self._open_and_close() for _ in range(REPEATS)), strict=True)
        yield OPEN, min(opened)
        yield CLOSE, min(closed)
        yield SCRAPE, best(self._callbacks.scrape)
        yield VERDICT, best(lambda: self._judge(0))
        yield ROUND, best(self._round)

    def _round(self) -> None:
        self._now += 2 * self.agent.settings.prune_interval
        self._rounds.tick()

    def _judge(self, cluster: int) -> None:
        members = self._members[cluster]
        null.judge(self._firsts[cluster], members[0], members)

    def _open_and_close(self) -> tuple[float, float]:
        """Return the seconds that one opening and one closing take."""
        names, agent = self._members[0], self.agent
        batch = [null.Connection(names[number % len(names)]) for number in range(_BATCH)]
        began = thread_time()
        for connection in batch:
            null.track(agent, connection)
        agent.tracker.drain()
        opened = thread_time()
        for connection in batch:
            agent.hooks.closed(getattr(connection, ATTRIBUTE))
        agent.tracker.drain()
        closed = thread_time()
        agent.tracker.take_ended()
        return (opened - began) / _BATCH, (closed - opened) / _BATCH


def best(work: Callable[[], object]) -> float:
    """Return the processor's seconds that `work` takes on this thread, the best of some times."""
    taken = []
    for _ in range(REPEATS):
        began = thread_time()
        work()
        taken.append(thread_time() - began)
    return min(taken)


def over_connections(counts: tuple[int, ...]) -> Taken:
    """Measure with ever more connections to a cluster of three."""
    grown = Grown()
    grown.add_cluster(3)
    taken: Taken = {}
    for count in counts:
        grown.hold(count)
        taken |= {(name, count): seconds for name, seconds in grown.measure()}
    return taken


def over_clusters(counts: tuple[int, ...]) -> Taken:
    """Measure with ever more clusters of three, and as many connections to each."""
    grown, clusters = Grown(), 0
    taken: Taken = {}
    for count in counts:
        while clusters < count:
            grown.add_cluster(3)
            clusters += 1
        grown.hold(HELD * count)
        taken |= {(name, count): seconds for name, seconds in grown.measure()}
    return taken


def over_instances(counts: tuple[int, ...]) -> Taken:
    """Measure with ever more instances in a cluster, and a hundred connections to each."""
    grown = Grown()
    grown.add_cluster(counts[0])
    taken: Taken = {}
    for count in counts:
        grown.widen(count)
        grown.hold(100 * count)
        taken |= {(name, count): seconds for name, seconds in grown.measure()}
    return taken


class _Pool:
    """A pool of no library's."""


def over_pools(counts: tuple[int, ...]) -> Taken:
    """Measure with ever more pools: the agent's own part of a checkout and its return."""
    agent = null.start()
    callbacks, pools = Callbacks(agent), list[Any]()
    meter = agent.hooks.meters(_describe)
    connection = null.track(agent, null.Connection("lab-1"))
    taken: Taken = {}
    for count in counts:
        pools += [_Pool() for _ in range(count - len(pools))]
        turns = pools * (_CHECKOUTS // count)

        def check_out(turns: list[Any] = turns) -> None:
            for pool in turns:
                measured = meter(pool)
                began = measured.begin()
                agent.hooks.is_plainly_usable(connection)
                measured.lent(connection, began)
                meter(pool).returned(connection)

        taken[CHECKOUT, count] = best(check_out) / len(turns)
        taken[SCRAPE, count] = best(callbacks.scrape)
    return taken


def _describe(pool: Any) -> Description:
    return Description("pool", pool, lambda _: Gauges(idle=1), Target("postgresql"))
