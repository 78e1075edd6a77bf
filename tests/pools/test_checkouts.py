"""What a checkout checks, one thing at a time."""

from __future__ import annotations

import asyncio
import weakref
from concurrent import futures

import pytest
from sqlalchemy import exc

from aurora_otel.drivers.marks import track_of, unmark
from aurora_otel.hooks.checkouts import Checkouts
from aurora_otel.lab import Failover
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track
from tests.support.drivers.async_descriptors import AsyncDescriptor
from tests.support.pools.cases import CASES, fill
from tests.support.sql import attempt
from tests.support.waiting import eventually

CASE = next(case for case in CASES if str(case) == "QueuePool-psycopg2")
INTERRUPTED = [
    next(case for case in CASES if case.kind.name == name)
    for name in (
        *("QueuePool", "ConnectionPool", "MySQLConnectionPool", "PooledDB"),
        *("AsyncConnectionPool", "aiomysql.Pool", "aio.MySQLConnectionPool"),
        *("asyncmy.Pool", "asyncpg.Pool"),
    )
]
ON_LOOP = next(case for case in CASES if str(case) == "AsyncAdaptedQueuePool-psycopg-uvloop")
on_one_pool = pytest.mark.parametrize("case", [CASE], ids=str)
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"


def tracks(agent):
    internals = agent.internals
    return [track for each in internals.clusters for track in internals.tracker.tracks(each)]


@pytest.mark.parametrize("case", [CASE, ON_LOOP], ids=str)
def test_a_connection_that_the_server_hung_up_costs_no_unit_of_work(
    start, cluster, open_pool, case
):
    # No round of pruning comes first.
    agent = start(prune_interval=60)
    pool = open_pool()
    fill(pool, 5)
    cluster.execute(cluster.writer, KILL)
    watched = [(track, track.socket) for track in tracks(agent)]
    eventually(lambda: len(sockets.hung_up(watched)) == 5)
    assert [attempt(pool.write) for _ in range(10)] == [None] * 10
    assert pool.opened == 10
    pruned = agent.exported.metric("aurora.connection.prunes", prune_reason="hung_up")
    assert pruned == 5
    # One prune each, and no close of the same connection.
    assert agent.exported.metric("aurora.connection.closes") == 0
    assert agent.exported.metric("aurora.connection.count") == agent.tracked() == 5


@pytest.mark.parametrize("case", [CASE, ON_LOOP], ids=str)
def test_a_stale_connection_that_cannot_be_shut_down_is_not_handed_out_either(
    agent, cluster, open_pool, case
):
    pool = open_pool()
    fill(pool, 5)
    for track in tracks(agent)[:4]:
        track.socket = None
    switch = cluster.failover(Failover.SWITCHOVER)
    refused = [attempt(pool.write) for _ in range(10)]
    assert len([error for error in refused if error is not None]) == 1
    failed = agent.exported.metric("aurora.connection.invalidations", invalidation_outcome="failed")
    assert failed == 4
    # The pool has closed them by its own means.
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)


@pytest.mark.parametrize("case", [CASE, ON_LOOP], ids=str)
def test_an_observing_agent_lets_the_pool_hand_out_what_it_has(start, cluster, open_pool, case):
    start(mode="observe")
    pool = open_pool()
    fill(pool, 3)
    cluster.failover(Failover.SWITCHOVER)
    errors = [attempt(pool.write) for _ in range(6)]
    assert [type(error) for error in errors] == [exc.InternalError] * 6
    assert pool.opened == 3


@on_one_pool
def test_the_track_of_a_c_type_is_found_through_its_weak_references(agent, cluster, case):
    connection = case.driver.connect(cluster)
    (track,) = tracks(agent)
    proxy = type("Proxy", (), {"__getattr__": lambda _, name: getattr(connection, name)})()
    assert track_of(connection) is track_of(proxy) is track
    unmark(connection)
    assert track_of(connection) is track
    assert [type(each) for each in weakref.getweakrefs(connection)].count(Track) == 1
    connection.close()


@pytest.mark.parametrize("case", INTERRUPTED, ids=str)
def test_a_checkout_that_is_interrupted_costs_the_pool_no_connection(
    start, cluster, open_pool, case, monkeypatch
):
    start(**case.driver.settings(cluster))
    pool = open_pool()
    fill(pool, case.kind.idle)

    # A time-out of its task, or what a handler of the application raises, while it waits.
    raised, seen = KeyboardInterrupt, KeyboardInterrupt
    if isinstance(case.driver, AsyncDescriptor):
        raised, seen = asyncio.CancelledError, futures.CancelledError

    def interrupt(*_):
        raise raised

    with monkeypatch.context() as patched:
        patched.setattr(Checkouts, "is_plainly_usable", interrupt)
        with pytest.raises(seen):
            pool.write()
    fill(pool, case.kind.idle)
    assert pool.size() == case.kind.idle
