"""Two clusters of one account, whose endpoints share a DNS domain, do not touch each other."""

from __future__ import annotations

import pytest

import aurora_otel
from aurora_otel.lab import Cluster, Failover
from tests.support.sql import READ_ONLY, refused_write, run, sqlstate, write


@pytest.fixture(scope="module")
def other():
    with Cluster("other", instances=["other-1", "other-2"]) as cluster:
        cluster.execute(cluster.writer, "CREATE TABLE writes (x text)")
        cluster.execute(cluster.writer, "GRANT ALL ON writes TO app")
        yield cluster


@pytest.mark.parametrize("host", [None, "db.example.com"])
def test_a_failover_of_one_cluster_does_not_touch_the_other(start, cluster, other, connect, host):
    assert cluster.domain == other.domain
    each = (cluster, other)
    endpoints = [one.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"] for one in each]
    # The refused write waits for the verdict: on a busy machine that takes its time.
    agent = start(instance_endpoints=",".join(endpoints), refresh_timeout=20)
    ours = [connect(cluster.dsn("writer", host=host)) for _ in range(3)]
    theirs = [
        connect(other.dsn(target, host=host if target == "writer" else None))
        for target in ("writer", "reader", other.writer)
    ]
    known = aurora_otel.snapshot().clusters
    assert [(one.writer, one.connections) for one in known] == [
        (cluster.writer, 3),
        (other.writer, 3),
    ]
    cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(ours[0])) == READ_ONLY

    for connection in theirs:
        assert run(connection, "SELECT 1") == [(1,)]
        connection.rollback()
    write(theirs[0])
    first, second = aurora_otel.snapshot().clusters
    assert (first.failovers, first.connections) == (1, 0)
    assert (second.failovers, second.connections, second.window_open) == (0, 3, False)
    refreshes = agent.exported.spans("refresh topology")
    assert {span.attributes["aurora.cluster.id"] for span in refreshes} == {first.id}
    for connection in (*ours, *theirs):
        connection.close()
