"""The refresh window: a symptom opens it, calls honour it, and it closes."""

from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.sql import READ_ONLY, refused_write, run, sqlstate
from tests.support.waiting import eventually

REFRESH = "refresh topology"


def is_open() -> bool:
    return aurora_otel.snapshot().clusters[0].window_open


def provoke(connection) -> None:
    """Show a symptom that explains itself: nothing has changed."""
    run(connection, "SET TRANSACTION READ ONLY")
    assert sqlstate(refused_write(connection)) == READ_ONLY


def test_a_call_in_the_window_refreshes_first(start, cluster, connect):
    agent = start(refresh_interval=0.05)
    connections = [connect(cluster.dsn("writer")) for _ in range(2)]
    assert not is_open()
    provoke(connections[0])
    assert is_open()

    # Another connection's calls refresh, as part of what the application does.
    tracer = TracerProvider().get_tracer("application")

    def refreshed() -> bool:
        with tracer.start_as_current_span("request") as span:
            run(connections[1], "SELECT 1")
        context = span.get_span_context()
        parents = [each.parent for each in agent.exported.spans(REFRESH)]
        # By its trace: beside upstream's instrumentation its query span stands in between.
        return any(parent and parent.trace_id == context.trace_id for parent in parents)

    eventually(refreshed)
    assert is_open()
    for connection in connections:
        connection.close()


def test_the_window_closes_by_itself(start, cluster, connect):
    agent = start(refresh_window=3.0, refresh_interval=0.05)
    connection = connect(cluster.dsn("writer"))
    provoke(connection)
    assert is_open()
    eventually(lambda: not is_open())
    run(connection, "SELECT 1")
    # Without it, no connection of the agent's own stays open.
    ours = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'aurora-otel'"
    eventually(lambda: not any(cluster.execute(each, ours) for each in cluster.instances))
    refreshes = len(agent.exported.spans(REFRESH))
    for _ in range(20):
        run(connection, "SELECT 1")
    assert len(agent.exported.spans(REFRESH)) == refreshes
    connection.close()


def test_a_verdict_of_another_writer_closes_the_window(agent, cluster, connect):
    connections = [connect(cluster.dsn("writer")) for _ in range(2)]
    provoke(connections[0])
    assert is_open()
    cluster.failover(Failover.SWITCHOVER)
    refused_write(connections[1])
    eventually(lambda: agent.exported.metric("aurora.failovers") == 1)
    assert not is_open()
    for connection in connections:
        connection.close()


def test_the_agent_has_one_connection_of_its_own_at_most(start, cluster, connect):
    start(refresh_interval=0.01)
    connections = [connect(cluster.dsn("writer")) for _ in range(8)]
    ours = "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'aurora-otel'"
    for connection in connections * 3:
        provoke(connection)
        # A second target is asked beside one that is slow, and a server may be slow to see it go.
        eventually(
            lambda: sum(cluster.execute(each, ours)[0][0] for each in cluster.instances) <= 1
        )
    for connection in connections:
        connection.close()
