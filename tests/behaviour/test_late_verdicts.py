"""A verdict judges only what was opened before its reading began."""

from __future__ import annotations

import pytest

from aurora_otel.lab import Failover
from tests.support.functions import replaced
from tests.support.sql import Call, refused_write, run, serving, write
from tests.support.waiting import eventually

# While a session holds the lock, an answer that has been found already is kept back.
HELD_BACK = "PERFORM pg_catalog.pg_advisory_xact_lock_shared(42);"
WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def slow_answers(cluster):
    with replaced(cluster, "aurora_replica_status", after=HELD_BACK):
        yield


def test_a_connection_opened_while_the_topology_was_being_read_is_not_judged(
    start, cluster, connect, slow_answers
):
    old = cluster.writer
    holder = connect(cluster.dsn(old))  # before the agent starts: not tracked
    agent = start(refresh_timeout=20, identify_timeout=20)
    symptomatic = connect(cluster.dsn("writer"))
    run(holder, "SELECT pg_advisory_lock(42)")

    # A refresh begins, and the writer's answer, that it is the writer, takes long.
    run(symptomatic, "SET TRANSACTION READ ONLY")
    refresh = Call(lambda: refused_write(symptomatic))
    eventually(lambda: cluster.execute(old, WAITING))
    switch = cluster.failover(Failover.SWITCHOVER)
    opening = Call(lambda: connect(cluster.dsn("writer")))
    eventually(lambda: agent.tracked(switch.new_writer) == 1)
    run(holder, "SELECT pg_advisory_unlock(42)")

    assert opening.outcome() is None
    refresh.outcome()
    named = [span.attributes["aurora.topology.writer_id"] for span in _confirmed(agent)]
    assert named[0] == old  # the late verdict came, after the connection
    fresh = opening.result
    assert serving(fresh) == switch.new_writer
    write(fresh)
    assert (
        agent.exported.metric("aurora.connection.invalidations", instance_id=switch.new_writer) == 0
    )
    for connection in (holder, symptomatic, fresh):
        connection.close()


def _confirmed(agent):
    refreshes = agent.exported.spans("refresh topology")
    return [span for span in refreshes if span.attributes["aurora.topology.confirmed"]]
