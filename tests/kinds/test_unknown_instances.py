"""Connections to a server that was too slow to say who it is, on which a write is refused at once.

They cannot be asked in the transaction that has failed, and who is idle makes no other call.
"""

from __future__ import annotations

import functools

import pytest

from aurora_otel.lab import Failover
from tests.kinds.cases import _case, _cluster, _connect, _driver  # noqa: F401 - fixtures
from tests.kinds.conftest import serving, too_slow
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.sql import attempt, write
from tests.support.waiting import eventually

CASES = [
    ("plain", driver)
    for driver in ("psycopg", "psycopg-asyncio", "psycopg2", "pg8000", "asyncpg-asyncio")
]
pytestmark = pytest.mark.parametrize("case", CASES, ids="-".join, indirect=True)
INVALIDATIONS = "aurora.connection.invalidations"


def changes(agent):
    """Return how often another writer was found."""
    return sum(each.detector.changes for each in agent.internals.clusters)


def test_one_that_came_back_to_the_old_writer_is_closed_by_its_first_refused_write(
    start, cluster, connect, driver
):
    agent = start(**driver.settings(cluster), straight_connects="off")
    held = connect()
    switch = cluster.failover(Failover.SWITCHOVER, publish=False)
    assert isinstance(attempt(functools.partial(write, held)), driver.errors)
    eventually(lambda: changes(agent) == 1)
    with too_slow():
        unknown = connect()
        assert agent.tracked("unknown") == 1
        assert isinstance(attempt(functools.partial(write, unknown)), driver.errors)
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    assert agent.exported.metric(INVALIDATIONS, invalidation_cause="write_refused") == 1
    for connection in (held, unknown):
        attempt(connection.close)


def test_one_to_a_standby_that_is_promoted_later_stays_open(start, cluster, connect, driver):
    agent = start(**driver.settings(cluster))
    new = cluster.readers[0]
    held = connect()
    with too_slow():
        unknown = connect(new, cluster.address(new)[0])
        assert agent.tracked("unknown") == 1
        assert isinstance(attempt(functools.partial(write, unknown)), driver.errors)
        attempt(unknown.rollback)
    assert cluster.failover(Failover.SWITCHOVER).new_writer == new
    attempt(functools.partial(write, held))
    eventually(lambda: changes(agent) == 1)
    write(unknown)
    assert serving(cluster, unknown) == new
    assert agent.exported.metric(INVALIDATIONS, invalidation_cause="write_refused") == 0
    for connection in (held, unknown):
        attempt(connection.close)
