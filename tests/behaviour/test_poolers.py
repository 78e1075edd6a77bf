"""Poolers hand one session to many servers: nothing is attributed to an instance, or closed."""

from __future__ import annotations

import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.pgbouncer import pgbouncer
from tests.support.sql import READ_ONLY, refused_write, run, sqlstate, write
from tests.support.waiting import eventually


@pytest.fixture
def pooler(cluster):
    with pgbouncer(cluster) as running:
        yield running


def test_nothing_behind_a_pooler_is_attributed_to_an_instance(agent, pooler, connect, driver):
    held = [connect(pooler.dsn()) for _ in range(3)]
    (known,) = aurora_otel.snapshot().clusters
    connections = {each.id: each.connections for each in known.instances if each.connections}
    assert connections == {"unknown": {driver: 3}}
    assert agent.exported.metric("aurora.connection.opens", endpoint_type="other") == 3
    for connection in held:
        write(connection)
        connection.close()
    assert agent.tracked() == 0


def test_a_failover_behind_a_pooler_closes_nothing(agent, cluster, pooler, connect):
    beside = connect(cluster.dsn("writer"))
    held = [connect(pooler.dsn()) for _ in range(3)]
    for connection in held:
        write(connection)
    switch = cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(held[0])) == READ_ONLY
    # The cluster beside it is cleaned up, and judges none of these.
    assert sqlstate(refused_write(beside)) == READ_ONLY
    assert agent.tracked(switch.old_writer) == 0
    assert agent.tracked("unknown") == 3
    assert agent.exported.metric("aurora.connection.invalidations") == 1
    assert agent.exported.metric("aurora.connection.invalidations", instance_id="unknown") == 0
    for connection in held:
        run(connection, "SELECT 1")
        connection.close()
    beside.close()


def test_a_pooler_is_asked_once(agent, cluster, pooler, connect):
    def uses() -> list[tuple[object, ...]]:
        """Return when the pooler's own sessions were used last."""
        last = "SELECT pid, query_start FROM pg_stat_activity WHERE usename = 'app'"
        return sorted(cluster.execute(cluster.writer, last))

    connect(pooler.dsn()).close()
    asked = uses()
    assert asked
    for _ in range(3):
        connect(pooler.dsn()).close()
    assert uses() == asked


def test_a_busy_pool_costs_the_time_limit_once_and_no_connection(start, cluster, connect, driver):
    with pgbouncer(cluster, pool_size=1) as pooler:
        holder = connect(pooler.dsn())
        run(holder, "SELECT 1")  # its transaction keeps the one server connection
        agent = start(identify_timeout=0.2)
        before = pooler.logins

        first = connect(pooler.dsn())
        # psycopg leaves the answer for the first call; with psycopg2 one was given up with its
        # question, long after the limit, and repeated.
        logins = {"psycopg": 1, "psycopg2": 2}[driver]
        assert pooler.logins == before + logins
        second = connect(pooler.dsn())
        assert pooler.logins == before + logins + 1  # not asked again
        assert agent.tracked("unknown") == agent.tracked() == 2

        holder.rollback()
        write(first)
        write(second)
        assert agent.exported.metric("aurora.connection.opens") == 2
        for connection in (holder, first, second):
            connection.close()
        eventually(lambda: agent.tracked() == 0)
