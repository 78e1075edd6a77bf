"""How pools are named in telemetry, however many there are, and when their figures are recorded."""

from __future__ import annotations

from collections import Counter
from unittest.mock import Mock

import pytest

from aurora_otel.hooks.pool_meters import Meters
from aurora_otel.pools.protocol import Description, Gauges, Target, target
from aurora_otel.runtime.shield import Shield
from aurora_otel.telemetry import log, pool_metrics
from aurora_otel.telemetry.pool_metrics import MOST_POOLS, OTHER


class Pool:
    """A pool of no library's."""


class Now:
    """What is in force, what was recorded, and what another thread is to do."""

    def __init__(self):
        self.shield = Shield(log.internal_failure)
        self.instruments = self
        self.recorded = Counter()
        self.later = Mock()
        self.is_heard = True

    def is_recorded(self, _):
        return self.is_heard

    def record(self, metric, *_):
        self.recorded[metric] += 1


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def meters(now):
    return Meters(now)


NOWHERE = Target()


def meet(meters, pool, name="pool", target=NOWHERE):
    find = meters.finder(lambda _: Description(name, pool, lambda _: Gauges(max=5), target))
    return find(pool)


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

    for pool in pools[-2:]:
        meter = meters.finder(None)(pool)
        meter.lent(pool, meter.begin())
    used = meters.observations()[pool_metrics.COUNT.name]
    assert used[OTHER, "", "", "", 0, pool_metrics.USED] == 2


ORDERS = Target("postgresql", "orders", "db.example.com", 5432)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (ORDERS, "orders"),
        (ORDERS._replace(namespace=""), "db.example.com:5432"),
        (ORDERS._replace(namespace="", port=0), "db.example.com"),
        (Target("postgresql"), "postgresql"),
        (Target(), "sqlalchemy"),
    ],
)
def test_a_pool_without_a_name_is_called_after_what_is_known_of_its_database(target, name):
    assert target.name("sqlalchemy") == name


def test_a_name_is_not_passed_on_to_a_pool_of_another_database(meters):
    other = ORDERS._replace(address="other.example.com")
    for leads_to in (ORDERS, other):
        meet(meters, Pool(), target=leads_to)
    pending = meters.observations()[pool_metrics.PENDING.name]
    assert set(pending) == {("pool", *ORDERS), ("pool-2", *other)}


def test_what_an_application_gave_in_place_of_a_name_or_a_number_is_left_out():
    assert target("mysql", b"app", None, "3306") == Target("mysql", port=3306)
    assert target("mysql", None, ["a", "b"], "5432,5433") == Target("mysql")


def check_out(meter, times):
    for _ in range(times):
        # A moment that has not come yet: no wait is a long one, whatever else the machine does.
        meter.begin()
        meter.lent(meter, float("inf"))
        meter.returned(meter)


def test_checkouts_are_recorded_on_another_thread_many_at_once(meters, now):
    pool = Pool()
    meter = meet(meters, pool)
    check_out(meter, 255)
    assert not now.later.called
    check_out(meter, 2)
    assert not now.recorded
    (record,) = now.later.call_args.args
    record()
    assert now.recorded == {pool_metrics.WAIT_TIME: 257, pool_metrics.USE_TIME: 257}


def test_what_nothing_records_is_not_kept(meters, now):
    pool = Pool()
    meter = meet(meters, pool)
    now.is_heard = False
    check_out(meter, 256)
    assert not now.later.called
    now.is_heard = True
    meter.record()
    assert now.recorded == {pool_metrics.USE_TIME: 1}


def test_a_collection_has_all_checkouts_until_then(meters, now):
    pool = Pool()
    check_out(meet(meters, pool), 3)
    meters.observations()
    assert now.recorded == {pool_metrics.WAIT_TIME: 3, pool_metrics.USE_TIME: 3}


def test_a_long_wait_is_recorded_in_the_span_that_had_to_wait(meters, now):
    pool = Pool()
    meter = meet(meters, pool)
    meter.lent(pool, meter.begin() - 0.25)
    assert now.recorded == {pool_metrics.WAIT_TIME: 1}


def test_what_waits_to_be_recorded_is_bounded(meters, now):
    pool = Pool()
    check_out(meet(meters, pool), 5_000)
    # Nothing of what was to be called later has been.
    assert now.recorded[pool_metrics.WAIT_TIME] >= 4_096


def test_a_caller_that_waited_in_vain_is_counted_as_such(meters, now):
    pool = Pool()
    meter = meet(meters, pool)
    meter.begin()
    assert meter.pending == 1
    meter.gave_up(is_timeout=True)
    meters.observations()
    assert (meter.pending, meter.timeouts, now.recorded) == (0, 1, {})
