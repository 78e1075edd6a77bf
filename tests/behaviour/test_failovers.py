"""The writer changes: every stale connection is gone, however it was opened."""

from __future__ import annotations

from aurora_otel.lab import Failover
from tests.support.sql import (
    READ_ONLY,
    attempt,
    refused_write,
    sqlstate,
    write,
)
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"


def test_one_refused_write_cleans_up_before_its_exception_reaches_the_application(
    agent, cluster, connect, module
):
    held = [connect(cluster.dsn("writer")) for _ in range(8)]
    switch = cluster.failover(Failover.SWITCHOVER)
    assert agent.tracked(switch.old_writer) == 8

    error = attempt(lambda: write(held[0]))
    assert type(error) is module.errors.ReadOnlySqlTransaction
    assert agent.tracked(switch.old_writer) == 0
    counted = agent.exported.metric(
        INVALIDATIONS,
        instance_id=switch.old_writer,
        invalidation_cause="writer_changed",
        invalidation_outcome="closed",
    )
    assert counted == 8
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    for connection in held:
        assert sqlstate(refused_write(connection)) != READ_ONLY
        connection.close()
    assert agent.exported.metric("aurora.connection.closes") == 0


def test_whatever_knew_its_instance_as_the_writer_is_stale(agent, cluster, connect):
    cluster.custom = [cluster.writer]
    ways = [
        ("writer", None),
        ("custom", None),
        (cluster.writer, None),
        ("writer", "db.example.com"),
        ("writer", cluster.address("writer")[0]),
    ]
    held = [connect(cluster.dsn(target, host=host)) for target, host in ways]
    switch = cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(held[0])) == READ_ONLY
    assert agent.tracked(switch.old_writer) == 0
    for connection in held:
        error = attempt(lambda connection=connection: write(connection))
        assert sqlstate(error) is None
        assert connection.closed
        connection.close()


def test_the_next_connect_shows_a_failover_that_no_call_has_noticed(agent, cluster, connect):
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    switch = cluster.failover(Failover.SWITCHOVER)
    fresh = connect(cluster.dsn("writer"))
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    assert agent.exported.metric("aurora.failovers", failover_symptom="topology") == 1
    write(fresh)
    for connection in (*held, fresh):
        connection.close()
