"""No call fails because all calls hang: the background loop detects the failover."""

from __future__ import annotations

import math
import time

from aurora_otel.lab import Failover
from tests.support.sql import READ_ONLY, Call, run, sqlstate, write
from tests.support.waiting import eventually


def test_calls_that_hang_on_a_dead_host_are_freed_by_the_loop_alone(
    start, cluster, connect, module
):
    agent = start(stuck_after=0.5)
    held = [connect(cluster.dsn(target)) for target in ("writer", "writer", cluster.writer)]
    idle = connect(cluster.dsn("writer"))
    for connection in held:
        write(connection)
    switch = cluster.failover(Failover.HANG)
    # Every thread hangs, and no thread connects.
    calls = [Call(lambda connection=connection: write(connection)) for connection in held]

    for call in calls:
        error = call.outcome()
        assert isinstance(error, module.OperationalError)
        assert sqlstate(error) != READ_ONLY
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    assert agent.exported.metric("aurora.failovers", failover_symptom="stuck") == 1
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    for connection in (*held, idle):
        connection.close()


def test_a_long_statement_is_checked_and_left_alone(start, cluster, connect):
    agent = start(stuck_after=0.1)
    connection = connect(cluster.dsn("writer"))
    began = time.monotonic()
    call = Call(lambda: run(connection, "SELECT 'done', pg_sleep(1.5)"))
    eventually(lambda: agent.exported.spans("refresh topology"))
    assert call.outcome() is None
    # Less and less often for the same call, and no window: at 0.1, 0.2, 0.4, 0.8 s and so on.
    most = math.log2((time.monotonic() - began) / 0.1) + 2
    assert call.result[0][0] == "done"
    connection.commit()
    assert len(agent.exported.spans("refresh topology")) <= most
    assert agent.exported.spans("failover") == []
    connection.close()


def test_stuck_calls_are_ignored_where_that_is_set(start, cluster, connect):
    agent = start(stuck_after=0)
    connection = connect(cluster.dsn("writer"))
    assert Call(lambda: run(connection, "SELECT pg_sleep(1.2)")).outcome() is None
    assert agent.exported.spans("refresh topology") == []
    connection.close()
