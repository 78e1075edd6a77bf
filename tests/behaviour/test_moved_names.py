"""Ports and names that lead to another cluster than before never cost a healthy connection."""

from __future__ import annotations

from contextlib import closing

import pytest

import aurora_otel
from aurora_otel.lab import Cluster, Failover
from tests.support.sql import READ_ONLY, attempt, run, sqlstate, write
from tests.support.tunnels import Tunnel

EU = "c0ffee123456.eu-west-1.rds.amazonaws.com"
US = "c0ffee123456.us-east-1.rds.amazonaws.com"


def cluster_of(name, instances, domain=EU):
    return Cluster(name, instances=instances, domain=domain)


def prepare(cluster):
    cluster.execute(cluster.writer, "CREATE TABLE writes (x text)")
    cluster.execute(cluster.writer, "GRANT ALL ON writes TO app")


@pytest.fixture(scope="module")
def green():
    with cluster_of("green", ["green-1", "green-2"]) as cluster:
        prepare(cluster)
        yield cluster


@pytest.fixture(scope="module")
def american():
    """A cluster in another region whose instances are named as the lab's, and another writes."""
    with cluster_of("american", ["lab-1", "lab-2", "lab-3"], US) as cluster:
        prepare(cluster)
        cluster.failover(Failover.SWITCHOVER)
        yield cluster


def refused(connection):
    """Have a write refused by a read-only transaction: a symptom that means nothing."""
    run(connection, "SET TRANSACTION READ ONLY")
    error = attempt(lambda: run(connection, "DELETE FROM writes"))
    connection.rollback()
    return sqlstate(error)


def test_a_tunnel_that_leads_to_another_cluster_ends_nothing_of_the_first(
    start, cluster, green, connect
):
    start(instance_endpoints="")
    with closing(Tunnel(cluster.address("writer"))) as tunnel:

        def through():
            return connect(cluster.dsn("writer", host="127.0.0.1", port=tunnel.port))

        def to_green():
            return connect(green.dsn("writer", host="127.0.0.1", port=tunnel.port))

        job = [through() for _ in range(2)]
        tunnel.target = green.address("writer")
        others = [to_green() for _ in range(2)]
        for connection in (*job, *others):
            assert refused(connection) == READ_ONLY
            write(connection)
        tunnel.target = cluster.address("writer")
        job.append(through())
        for connection in (*job, *others):
            write(connection)
        known = aurora_otel.snapshot().clusters
        assert [(each.writer, each.connections, each.failovers) for each in known] == [
            (cluster.writer, 3, 0),
            (green.writer, 2, 0),
        ]
        for connection in (*job, *others):
            connection.close()


def test_settings_for_one_region_are_not_used_for_instances_of_equal_names_in_another(
    start, cluster, american, connect
):
    if american.writer == cluster.writer:
        american.failover(Failover.SWITCHOVER)
    assert american.writer != cluster.writer
    places = [f"{each}={':'.join(map(str, cluster.address(each)))}" for each in cluster.instances]
    start(instance_endpoints=",".join(places))
    ours = [connect(cluster.dsn("writer")) for _ in range(2)]
    theirs = [connect(american.dsn("writer")) for _ in range(2)]
    for connection in (theirs[0], ours[0]):
        assert refused(connection) == READ_ONLY
    for connection in (*ours, *theirs):
        write(connection)
    known = aurora_otel.snapshot().clusters
    assert [(each.writer, each.connections, each.failovers) for each in known] == [
        (cluster.writer, 2, 0),
        (american.writer, 2, 0),
    ]
    for connection in (*ours, *theirs):
        connection.close()
