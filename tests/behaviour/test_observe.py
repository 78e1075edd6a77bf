"""`observe` closes nothing and counts everything, once for each connection and writer change."""

from __future__ import annotations

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.sql import READ_ONLY, refused_write, run, sqlstate, write
from tests.support.waiting import eventually


def test_observing_counts_each_connection_once_for_each_writer_change(
    start, cluster, connect, caplog
):
    agent = start(mode="observe")

    def counted(outcome: str) -> float:
        name = "aurora.connection.invalidations"
        return agent.exported.metric(name, invalidation_outcome=outcome)

    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    away = cluster.failover(Failover.SWITCHOVER)
    for _ in range(2):
        for connection in held:
            assert sqlstate(refused_write(connection)) == READ_ONLY
    assert counted("observed") == 3
    assert agent.exported.metric("aurora.connection.stale", instance_id=away.old_writer) == 3
    assert agent.exported.metric("aurora.failovers") == 1
    assert caplog.messages[0].endswith("; stale connections: 3 observed")
    # What is counted again in the window of these symptoms was counted already.
    assert aurora_otel.snapshot().clusters[0].writer == away.new_writer

    third = next(each for each in cluster.readers if each != away.old_writer)
    cluster.failover(Failover.SWITCHOVER, target=third)
    fresh = connect(cluster.dsn("writer"))
    eventually(lambda: agent.exported.metric("aurora.failovers") == 2)
    assert counted("observed") == 6
    assert counted("closed") == counted("failed") == 0
    assert agent.tracked(away.old_writer) == 3
    for connection in held:
        assert run(connection, "SELECT 1") == [(1,)]
    write(fresh)

    # What was only observed is still stale: in another mode it is closed.
    aurora_otel.AuroraInstrumentor().instrument(
        mode="cleanup", instance_endpoints=cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"]
    )
    held[0].rollback()
    refused_write(held[0])
    eventually(lambda: agent.tracked(away.old_writer) == 0)
    for connection in (*held, fresh):
        connection.close()


def test_the_window_closes_in_observe_mode_as_in_the_other(start, cluster, connect):
    agent = start(mode="observe")
    connection = connect(cluster.dsn("writer"))
    cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(connection)) == READ_ONLY
    assert agent.exported.metric("aurora.failovers") == 1
    assert not aurora_otel.snapshot().clusters[0].window_open
    connection.close()
