"""How pools are named in telemetry, however many there are."""

from __future__ import annotations

import pytest

from aurora_otel.hooks.pool_meters import Meters
from aurora_otel.pools.protocol import Description, Gauges
from aurora_otel.runtime.shield import Shield
from aurora_otel.telemetry import log, pool_metrics
from aurora_otel.telemetry.pool_metrics import MOST_POOLS, OTHER


class Pool:
    """A pool of no library's."""


class Now:
    """What is in force: nothing is recorded."""

    def __init__(self):
        self.shield = Shield(log.internal_failure)
        self.instruments = self

    def record(self, *_):
        pass


@pytest.fixture
def meters():
    return Meters(Now())


def meet(meters, pool, name="pool"):
    return meters.of(pool, lambda: Description(name, pool, lambda _: Gauges(max=5)))


def shown(meters, metric=pool_metrics.PENDING):
    return {key[0] for key in meters.observations()[metric.name]}


def test_pools_of_one_name_are_numbered(meters):
    pools = [Pool() for _ in range(3)]
    for pool in pools:
        meet(meters, pool)
    assert shown(meters) == {"pool", "pool-2", "pool-3"}


def test_the_name_of_a_pool_that_is_gone_is_given_again(meters):
    for _ in range(MOST_POOLS):
        pool = Pool()
        meet(meters, pool)
        del pool
    assert shown(meters) == {"pool"}


def test_pools_beyond_the_limit_share_a_name(meters):
    pools = [Pool() for _ in range(2 * MOST_POOLS)]
    for number, pool in enumerate(pools):
        meet(meters, pool, f"pool-{number}")
    assert shown(meters) == {*(f"pool-{number}" for number in range(MOST_POOLS)), OTHER}
    # What only a pool itself can report is known of the pools that have a name.
    assert OTHER not in shown(meters, pool_metrics.MAX)

    meters.of(pools[-1], None).lent(pools[-1])
    meters.of(pools[-2], None).lent(pools[-2])
    used = meters.observations()[pool_metrics.COUNT.name]
    assert used[OTHER, pool_metrics.USED] == 2
