"""What is known of each pool of the application, for the metrics of pools."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

from aurora_otel.monitoring.context import Config
from aurora_otel.pools.protocol import Description, Gauges, Target
from aurora_otel.telemetry import pool_metrics
from aurora_otel.telemetry.names import Metric
from aurora_otel.telemetry.observations import Observations

# A shorter wait is recorded later: no exemplar of it leads to a trace worth reading: seconds.
SHORT = 0.001
# So many short waits are handed to another thread at once: the SDK takes some 3 µs for each, and to
# wake that thread takes as long as ten checkouts.
BATCH = 256
# So many are kept before a caller records them itself: a thread that gets no turn cannot keep up.
_MOST = 4096


class Meter:
    """Measures one pool, and whatever takes its place under the same name.

    A checkout only appends its figures. They are recorded on the reporter's thread, or when metrics
    are collected, whichever comes first.

    Args:
        name: the pool's name in telemetry.
        target: the database that it leads to.
        config: what is in force at the moment.

    Attributes:
        key: the values of the attributes that all its metrics have, in the order of their
            definitions.
    """

    def __init__(self, name: str, target: Target, config: Config) -> None:
        self.key = (name, *target)
        self._attributes = pool_metrics.attributes(pool_metrics.MAX)(self.key)
        self._config = config
        self._owner: Callable[[], Any] = lambda: None
        self._read: Callable[[Any], Gauges] = lambda _: Gauges()
        self._pools: dict[int, weakref.ref[Any]] = {}
        # One entry for each caller that waits now: a list's ends are changed by one operation.
        self._callers: list[None] = []
        self._lock = threading.Lock()
        self._timeouts = 0
        self._lent: dict[int, float] = {}
        self._waits: deque[float] = deque()
        self._uses: deque[float] = deque()

    def begin(self) -> float:
        """Take note that a caller begins to wait; return when: seconds, monotonic."""
        began = monotonic()
        self._callers.append(None)
        return began

    @contextlib.contextmanager
    def creating(self) -> Iterator[None]:
        """Measure the block, which opens a connection."""
        began = monotonic()
        yield
        self._record(pool_metrics.CREATE_TIME, monotonic() - began)

    def lent(self, connection: Any, began: float) -> None:
        """Take note that a connection was handed out to a caller that waited from `began` on."""
        now = monotonic()
        self._callers.pop()
        self._lent[id(connection)] = now
        waited = now - began
        if waited >= SHORT:
            # At once, in the span that had to wait.
            self._record(pool_metrics.WAIT_TIME, waited)
            self.record()
            return
        waits = self._waits
        waits.append(waited)
        if not len(waits) % BATCH:
            self._hand_over()

    def gave_up(self, *, is_timeout: bool) -> None:
        """Take note of a caller that got no connection, maybe because it had waited in vain."""
        self._callers.pop()
        if is_timeout:
            with self._lock:
                self._timeouts += 1

    def returned(self, connection: Any) -> None:
        """Take note that a connection is back. Only appends.

        SQLAlchemy returns a leaked connection from a weakref callback, which may strike under the
        SDK's own lock.
        """
        began = self._lent.pop(id(connection), None)
        if began is not None:
            self._uses.append(monotonic() - began)

    def record(self) -> None:
        """Record what was kept since the last call."""
        kept = ((pool_metrics.WAIT_TIME, self._waits), (pool_metrics.USE_TIME, self._uses))
        for metric, seconds in kept:
            with contextlib.suppress(IndexError):
                while True:
                    self._record(metric, seconds.popleft())

    def adopt(self, pool: Any, description: Description) -> bool:
        """Measure `pool`, too, if it has the same owner, or there is no other one.

        One name stands for one database as long as it is shown.
        """
        if self.key[1:] != tuple(description.target):
            return False
        owner = self._owner()
        if owner is not description.owner and (owner is not None or self._pools):
            return False
        if owner is None:
            self._owner = weakref.ref(description.owner)
            self._read = description.read
        key, pools = id(pool), self._pools
        pools[key] = weakref.ref(pool, lambda _: pools.pop(key, None))
        return True

    def gauges(self) -> Gauges:
        """Return what the pool says now."""
        pools = filter(None, [pool() for pool in list(self._pools.values())])
        read = [self._read(pool) for pool in pools]
        sums = (_sum(values) for values in zip(*read, strict=True)) if read else ()
        found = Gauges(*sums)
        return found if found.used is not None else found._replace(used=len(self._lent))

    @property
    def pending(self) -> int:
        """How many callers wait now. Pools that count them go on counting those that gave up."""
        return len(self._callers)

    @property
    def timeouts(self) -> int:
        """How many callers waited in vain so far."""
        return self._timeouts

    def _hand_over(self) -> None:
        if not self._config.instruments.is_recorded(pool_metrics.WAIT_TIME):
            self._waits.clear()
            self._uses.clear()
        elif len(self._waits) > _MOST:
            self.record()
        else:
            self._config.later(self.record)

    def _record(self, metric: Metric, seconds: float) -> None:
        self._config.instruments.record(metric, seconds, self._attributes)


class Meters:
    """The meters of all pools, by their names.

    Args:
        config: what is in force at the moment.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._by_name: dict[str, Meter] = {}
        self._by_pool: dict[int, tuple[weakref.ref[Any], Meter]] = {}

    def finder(self, describe: Callable[[Any], Description]) -> Callable[[Any], Meter]:
        """Return a function that returns the meter of a pool.

        Args:
            describe: returns what is to be known of a pool; called when that is met first.
        """
        known = self._by_pool.get

        def find(pool: Any) -> Meter:
            found = known(id(pool))
            return found[1] if found is not None else self._meet(pool, describe)

        return find

    def observations(self) -> Observations:
        """Return what the observable metrics of pools read. A name that was shown stays."""
        found: Observations = defaultdict(dict)
        for meter in list(self._by_name.values()):
            meter.record()
            gauges, key = meter.gauges(), meter.key
            values = (
                (pool_metrics.COUNT, (*key, pool_metrics.IDLE), gauges.idle),
                (pool_metrics.COUNT, (*key, pool_metrics.USED), gauges.used),
                (pool_metrics.MAX, key, gauges.max),
                (pool_metrics.IDLE_MAX, key, gauges.idle_max),
                (pool_metrics.IDLE_MIN, key, gauges.idle_min),
                (pool_metrics.PENDING, key, meter.pending),
                (pool_metrics.TIMEOUTS, key, meter.timeouts),
            )
            for metric, shown, value in values:
                if value is not None:
                    found[metric.name][shown] = value
        return found

    def _meet(self, pool: Any, describe: Callable[[Any], Description]) -> Meter:
        met = self._config.shield.run("meet a pool", self._keep, pool, describe)
        return met or Meter("", Target(), self._config)

    def _keep(self, pool: Any, describe: Callable[[Any], Description]) -> Meter:
        meter = self._named(pool, describe(pool))
        pools, key = self._by_pool, id(pool)
        pools[key] = weakref.ref(pool, lambda _: pools.pop(key, None)), meter
        return meter

    def _named(self, pool: Any, description: Description) -> Meter:
        """Return the meter under the first name of `name`, `name-2`, … that `pool` may have.

        Names are limited in number: what is beyond is counted as `other`, as far as that is known
        without asking the pools.
        """
        number, name = 1, description.name
        while name in self._by_name or len(self._by_name) < pool_metrics.MOST_POOLS:
            meter = self._by_name.setdefault(name, Meter(name, description.target, self._config))
            if meter.adopt(pool, description):
                return meter
            number += 1
            name = f"{description.name}-{number}"
        other = Meter(pool_metrics.OTHER, Target(), self._config)
        return self._by_name.setdefault(pool_metrics.OTHER, other)


def _sum(values: tuple[int | None, ...]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
