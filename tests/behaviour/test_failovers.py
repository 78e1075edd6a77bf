"""The writer changes: every stale connection is gone, whatever its owner is doing with it."""

from __future__ import annotations

import pytest

from aurora_otel.lab import Failover
from tests.behaviour.sql import (
    READ_ONLY,
    Call,
    attempt,
    pid,
    refused_write,
    run,
    serving,
    sqlstate,
    write,
)
from tests.conftest import eventually

INVALIDATIONS = "aurora.connection.invalidations"
KINDS = [Failover.CRASH, Failover.SWITCHOVER, Failover.HANG]


def in_call(cluster, connection) -> Call:
    """Put a connection inside a long call, in another thread."""
    call = Call(lambda: run(connection, "SELECT pg_sleep(120)"))
    busy = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
    eventually(lambda: cluster.execute(cluster.writer, busy, pid(connection)))
    return call


@pytest.mark.parametrize("kind", KINDS)
def test_idle_in_transaction_and_in_call_connections_are_cleaned_up(
    agent, cluster, connect, module, kind
):
    idle = [connect(cluster.dsn("writer")) for _ in range(3)]
    in_transaction = connect(cluster.dsn("writer"))
    run(in_transaction, "INSERT INTO writes (x) VALUES ('never committed')")
    reader = connect(cluster.dsn("reader"))
    busy = connect(cluster.dsn("writer"))
    call = in_call(cluster, busy)

    switch = cluster.failover(kind)
    if kind is not Failover.HANG:
        assert attempt(lambda: write(idle[0])) is not None
    fresh = eventually(lambda: _fresh(cluster, connect, switch.new_writer))

    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    # The stuck call comes back with the driver's own exception, and so do the next uses.
    assert isinstance(call.outcome(), module.Error)
    for connection in (*idle, in_transaction, busy):
        error = attempt(lambda connection=connection: run(connection, "SELECT 1"))
        assert isinstance(error, (module.OperationalError, module.InterfaceError))
        assert sqlstate(error) != READ_ONLY
        assert connection.closed
    if kind is not Failover.CRASH:
        eventually(lambda: _idle_sessions(cluster, switch.old_writer) == 0)
    # Nobody else's connection was touched.
    assert serving(reader) in cluster.instances
    write(fresh)
    assert agent.told.metric("aurora.failovers") == 1
    (failover,) = agent.told.spans("failover")
    assert failover.attributes["aurora.failover.old_writer"] == switch.old_writer
    assert failover.attributes["aurora.failover.new_writer"] == switch.new_writer
    for connection in (*idle, in_transaction, busy, reader, fresh):
        connection.close()


def _fresh(cluster, connect, writer):
    connection = connect(cluster.dsn("writer", connect_timeout=2))
    if serving(connection) == writer:
        return connection
    connection.close()
    return None


def _idle_sessions(cluster, instance) -> int:
    """Count the sessions that are not inside a statement: those end when it does."""
    if cluster.condition(instance) == "hung":
        return cluster.sessions(instance)
    return cluster.execute(
        instance,
        "SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'app' AND state <> 'active'",
    )[0][0]


def test_one_refused_write_cleans_up_before_its_exception_reaches_the_application(
    agent, cluster, connect, module
):
    held = [connect(cluster.dsn("writer")) for _ in range(8)]
    switch = cluster.failover(Failover.SWITCHOVER)
    assert agent.tracked(switch.old_writer) == 8

    error = attempt(lambda: write(held[0]))
    assert type(error) is module.errors.ReadOnlySqlTransaction
    assert agent.tracked(switch.old_writer) == 0
    counted = agent.told.metric(
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
    assert agent.told.metric("aurora.connection.closes") == 0


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


def test_the_next_connect_shows_a_failover_that_nobody_has_felt(agent, cluster, connect):
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    switch = cluster.failover(Failover.SWITCHOVER)
    fresh = connect(cluster.dsn("writer"))
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    assert agent.told.metric("aurora.failovers", failover_symptom="topology") == 1
    write(fresh)
    for connection in (*held, fresh):
        connection.close()
