"""An error that is like that of a failover closes nothing."""

from __future__ import annotations

import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.sql import (
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
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"
REFRESH = "refresh topology"


@pytest.fixture
def held(cluster, connect, agent):
    """Connections of all kinds that nothing may happen to; checked at the end of the test."""
    targets = ["writer", "reader", "custom", *cluster.instances]
    ours = [connect(cluster.dsn(target)) for target in targets]
    ours.append(connect(cluster.dsn("writer", host="db.example.com")))
    pids = [run(each, "SELECT pg_backend_pid()") for each in ours]
    for connection in ours:
        connection.rollback()
    yield ours
    assert [run(each, "SELECT pg_backend_pid()") for each in ours] == pids
    assert agent.exported.metric(INVALIDATIONS) == 0
    assert agent.exported.metric("aurora.failovers") == 0
    assert agent.exported.spans("failover") == []
    for connection in ours:
        connection.close()


@pytest.mark.parametrize("target", ["writer", "the writer itself", "a reader itself", "reader"])
def test_a_read_only_transaction_of_the_application_closes_nothing(
    agent, cluster, connect, held, target
):
    names = {"the writer itself": cluster.writer, "a reader itself": cluster.readers[0]}
    connection = connect(cluster.dsn(names.get(target, target)))
    run(connection, "SET TRANSACTION READ ONLY")
    error = attempt(lambda: run(connection, "INSERT INTO writes (x) VALUES ('refused')"))
    assert sqlstate(error) == READ_ONLY
    connection.rollback()
    # It was a symptom: the topology was refreshed before the application got its exception.
    assert agent.exported.spans(REFRESH)
    assert agent.exported.spans(REFRESH)[-1].attributes["aurora.topology.confirmed"] is True
    assert run(connection, "SELECT 1") == [(1,)]
    connection.close()


def test_a_read_only_transaction_through_a_private_name_closes_nothing(
    agent, cluster, connect, held
):
    connection = connect(cluster.dsn("writer", host="db.example.com"))
    run(connection, "SET TRANSACTION READ ONLY")
    assert sqlstate(refused_write(connection)) == READ_ONLY
    write(connection)
    connection.close()


def test_a_cancelled_statement_is_no_symptom(agent, cluster, held):
    run(held[0], "SET LOCAL statement_timeout = 1")
    assert sqlstate(attempt(lambda: run(held[0], "SELECT pg_sleep(60)"))) == "57014"
    held[0].rollback()
    call = Call(lambda: run(held[0], "SELECT pg_sleep(60)"))
    busy = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
    eventually(lambda: cluster.execute(cluster.writer, busy, pid(held[0])))
    cluster.execute(cluster.writer, "SELECT pg_cancel_backend(%s::int)", pid(held[0]))
    assert sqlstate(call.outcome()) == "57014"
    held[0].rollback()
    assert not aurora_otel.snapshot().clusters[0].window_open
    assert agent.exported.spans(REFRESH) == []


def test_a_terminated_backend_costs_no_other_connection(agent, cluster, connect, module, held):
    victim = connect(cluster.dsn("writer"))
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int)", pid(victim))
    error = attempt(lambda: run(victim, "SELECT 1"))
    assert isinstance(error, module.OperationalError)
    assert victim.closed
    # Seen by the call or by a round of pruning, whichever was first.
    eventually(lambda: agent.exported.spans(REFRESH))
    assert agent.exported.metric("aurora.connection.stale") == 0
    victim.close()


def test_the_symptom_of_one_connection_starts_a_refresh_without_touching_the_others(
    agent, cluster, held
):
    for connection in held:
        run(connection, "SET TRANSACTION READ ONLY")
        refused_write(connection)
    assert agent.exported.metric("aurora.connection.stale") == 0


def test_a_readers_lagging_view_decides_nothing(agent, cluster, connect):
    old, (new, third) = cluster.writer, cluster.readers
    first = connect(cluster.dsn("writer"))
    cluster.freeze_view(third)
    cluster.failover(Failover.SWITCHOVER, target=new)
    assert sqlstate(refused_write(first)) == READ_ONLY
    assert agent.tracked(old) == 0

    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    beside = connect(cluster.dsn(third))  # whose view still names the old writer
    for connection in held:
        run(connection, "SET TRANSACTION READ ONLY")
        refused_write(connection)
        refused_write(beside)
    assert agent.exported.metric("aurora.failovers") == 1
    assert agent.exported.metric(INVALIDATIONS) == 1
    for connection in held:
        write(connection)
        connection.close()
    assert serving(beside) == third
    beside.close()
    first.close()


def test_connections_through_the_reader_endpoint_are_never_closed(agent, cluster, connect):
    held = [connect(cluster.dsn("reader")) for _ in range(4)]
    first = connect(cluster.dsn("writer"))
    away = cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(first)) == READ_ONLY
    # Now some of them are on the writer, and the reader endpoint leads to the former writer too.
    held += [connect(cluster.dsn("reader")) for _ in range(2)]
    assert {serving(connection) for connection in held} == set(cluster.instances)
    assert agent.tracked(away.new_writer) >= 1
    third = next(each for each in cluster.readers if each != away.old_writer)
    second = connect(cluster.dsn("writer"))
    cluster.failover(Failover.SWITCHOVER, target=third)
    assert sqlstate(refused_write(second)) == READ_ONLY

    assert agent.exported.metric(INVALIDATIONS) == 2
    for connection in held:
        assert run(connection, "SELECT 1") == [(1,)]
        connection.close()
    first.close()
    second.close()
