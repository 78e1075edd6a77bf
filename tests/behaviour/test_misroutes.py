"""Stale DNS: connections through the writer endpoint that land on a reader."""

from __future__ import annotations

from aurora_otel.lab import Failover
from tests.support.sql import refused_write, serving
from tests.support.waiting import eventually

MISROUTES = "aurora.connection.misroutes"


def test_no_connection_through_the_writer_endpoint_stays_on_a_reader(agent, cluster, connect):
    first = connect(cluster.dsn("writer"))
    cluster.dns_lag = 3.0
    switch = cluster.failover(Failover.SWITCHOVER)
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    during_the_lag = agent.exported.metric(MISROUTES, instance_id=switch.old_writer)
    assert during_the_lag >= 1

    def dns_is_right() -> bool:
        held.append(connect(cluster.dsn("writer")))
        return serving(held[-1]) == switch.new_writer

    eventually(dns_is_right)
    misrouted = agent.exported.metric(MISROUTES, instance_id=switch.old_writer)
    assert misrouted >= during_the_lag
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    assert agent.exported.metric("aurora.connection.stale") == 0
    assert (
        agent.exported.metric("aurora.connection.invalidations", invalidation_cause="misrouted")
        >= 1
    )

    # Those that are left do what a connection through the writer endpoint is for.
    usable = [connection for connection in held if not refused_write(connection)]
    assert held[-1] in usable
    assert {serving(connection) for connection in usable} == {switch.new_writer}
    assert agent.exported.metric("aurora.failovers") == 1
    for connection in (first, *held):
        connection.close()


def test_a_misroute_without_another_writer_to_go_to_is_handed_over(start, cluster, connect):
    # A name that should lead to the writer, and leads to a reader for good. The next refresh in
    # the window, whose verdict would close the connection, is a long way off.
    agent = start(writer_endpoints="db.example.com", refresh_interval=600)
    reader = cluster.readers[0]
    connection = connect(cluster.dsn(reader, host="db.example.com"))
    assert serving(connection) == reader
    assert agent.exported.metric(MISROUTES, instance_id=reader) == 1
    connection.close()


def test_observing_repeats_no_misrouted_connect(start, cluster, connect):
    agent = start(mode="observe")
    first = connect(cluster.dsn("writer"))
    cluster.dns_lag = 60
    switch = cluster.failover(Failover.SWITCHOVER)
    second = connect(cluster.dsn("writer"))
    assert serving(second) == switch.old_writer
    assert agent.exported.metric(MISROUTES, instance_id=switch.old_writer) == 1
    assert agent.tracked(switch.old_writer) == 2
    assert agent.exported.metric("aurora.connection.stale") == 2
    first.close()
    second.close()
