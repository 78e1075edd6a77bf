"""Where SQL cannot show the topology, the RDS API names the instances to ask."""

from __future__ import annotations

import socket

import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.rds_api import Endpoint
from tests.support.sql import refused_write, serving, write
from tests.support.threads import RDS_API, threads
from tests.support.waiting import eventually

PRIVATE = "db.example.com"


@pytest.fixture
def stale_names(muted):
    """The application's own host goes on leading to the old writer, as a lagging DNS does."""
    muted.dns_lag = 600
    return muted


def private_dsn(cluster):
    return cluster.dsn("writer", host=PRIVATE)


def test_a_writer_change_that_only_the_api_reports_leads_to_the_same_cleanup(
    start, stale_names, plane, connect
):
    cluster = stale_names
    agent = start(writer_endpoints=PRIVATE)
    held = [connect(private_dsn(cluster)) for _ in range(4)]
    write(held[0])
    switch = cluster.failover(Failover.SWITCHOVER)
    plane.fail_over(cluster, switch.new_writer)

    assert refused_write(held[0]) is not None
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    assert agent.exported.metric("aurora.failovers") == 1
    assert (
        agent.exported.metric("aurora.connection.invalidations", invalidation_outcome="closed") == 4
    )
    (story,) = agent.exported.spans("failover")
    assert story.attributes["aurora.failover.new_writer"] == switch.new_writer
    (deciding,) = (
        span
        for span in agent.exported.spans("refresh topology")
        if span.context.span_id == story.links[0].context.span_id
    )
    assert deciding.attributes["aurora.topology.source"] == "rds_api"
    for connection in held:
        connection.close()


def test_while_refreshes_fail_the_api_is_asked_for_the_writer_again_and_for_nothing_else(
    start, stale_names, plane, connect
):
    cluster = stale_names
    agent = start(writer_endpoints=PRIVATE, refresh_interval=0.1, instance_endpoints="")
    connection = connect(private_dsn(cluster))
    cluster.failover(Failover.SWITCHOVER)  # the API lags, and instances cannot be reached by name
    assert refused_write(connection) is not None
    eventually(lambda: plane.calls["DescribeDBClusters"] >= 3)
    assert plane.calls["DescribeDBInstances"] == 1
    assert plane.calls["DescribeDBClusterEndpoints"] == 1
    refreshes = [
        span
        for span in agent.exported.spans("refresh topology")
        if span.attributes["aurora.topology.source"] == "sql"
    ]
    assert len(refreshes) > plane.calls["DescribeDBClusters"]
    assert agent.exported.metric("aurora.failovers") == 0
    connection.close()


def test_without_the_api_such_a_change_stays_unknown(start, stale_names, plane, connect):
    cluster = stale_names
    agent = start(writer_endpoints=PRIVATE, rds_api="off")
    connection = connect(private_dsn(cluster))
    switch = cluster.failover(Failover.SWITCHOVER)
    plane.fail_over(cluster, switch.new_writer)
    for _ in range(3):
        assert refused_write(connection) is not None
    assert serving(connection) == switch.old_writer
    assert agent.exported.metric("aurora.failovers") == 0
    assert plane.calls.total() == 0
    connection.close()


@pytest.fixture
def resolved(cluster, monkeypatch):
    """RDS's own names of the lab's instances lead to them, as DNS does it elsewhere."""
    own = {cluster.host(each): cluster.address(each)[0] for each in cluster.instances}
    resolve = socket.getaddrinfo

    def by_name(host, *args, **kwargs):
        return resolve(own.get(host, host), *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", by_name)


def test_the_api_locates_the_instances_behind_a_private_name(
    start, stale_names, plane, connect, resolved
):
    cluster = stale_names
    agent = start(writer_endpoints=PRIVATE, instance_endpoints="")
    connection = connect(private_dsn(cluster))
    write(connection)
    switch = cluster.failover(Failover.SWITCHOVER)
    plane.fail_over(cluster, switch.new_writer)
    assert refused_write(connection) is not None
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    connection.close()


def test_connections_through_a_custom_endpoint_are_the_cluster_s(
    start, stale_names, plane, connect
):
    cluster = stale_names
    cluster.custom = (cluster.writer,)
    plane.does.endpoints = [Endpoint("lab-custom", cluster.host("custom"), cluster.custom)]
    agent = start()
    # Nothing that SQL shows here says that the two are one cluster.
    custom = connect(cluster.dsn("custom"))
    reader = connect(cluster.dsn("reader"))
    assert len(aurora_otel.snapshot().clusters) == 2
    # Else the reader's side may find the new writer by itself: two writers are two clusters.
    eventually(lambda: agent.exported.spans("refresh topology"))
    (target,) = set(cluster.readers) - {serving(reader)}
    switch = cluster.failover(Failover.SWITCHOVER, target=target)
    plane.fail_over(cluster, switch.new_writer)
    assert refused_write(custom) is not None
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    eventually(lambda: len(aurora_otel.snapshot().clusters) == 1)
    assert refused_write(reader) is not None  # it was a reader's, and stays open
    assert agent.tracked(serving(reader)) == 1
    custom.close()
    reader.close()


def test_a_custom_endpoint_that_cannot_be_asked_is_known_to_be_the_cluster_s(
    start, stale_names, plane, connect
):
    cluster = stale_names
    plane.does.endpoints = [Endpoint("lab-custom", cluster.host("custom"), cluster.custom)]
    start(identify_timeout=0.2)
    reader = connect(cluster.dsn("reader"))  # finds no writer: the API is asked
    eventually(lambda: plane.calls["DescribeDBClusterEndpoints"])
    eventually(lambda: not threads(RDS_API))
    cluster.gateway.silence_after_login("custom")
    custom = connect(cluster.dsn("custom"))
    (known,) = aurora_otel.snapshot().clusters
    assert (known.id, known.connections) == ("lab", 2)
    custom.close()
    reader.close()
