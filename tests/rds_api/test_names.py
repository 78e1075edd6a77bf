"""With `on`, the RDS API names a cluster that its endpoint does not name."""

from __future__ import annotations

import pytest

import aurora_otel
from tests.support.rds_api import Endpoint
from tests.support.sql import write
from tests.support.waiting import eventually


def labels(agent):
    return {
        point.attributes["aurora.cluster.id"]
        for point in agent.exported.points("aurora.connection.opens")
    }


@pytest.mark.parametrize("target", ["instance", "custom", "private", "address"])
def test_the_cluster_is_called_by_its_identifier_from_the_first_export_on(
    start, cluster, plane, connect, target
):
    plane.does.delay = 0.3
    plane.does.endpoints = [Endpoint("lab-custom", cluster.host("custom"), cluster.custom)]
    dsn = {
        "instance": cluster.dsn(cluster.writer),
        "custom": cluster.dsn("custom"),
        "private": cluster.dsn("writer", host="db.example.com"),
        "address": cluster.dsn("writer", host=cluster.address("writer")[0]),
    }[target]
    agent = start(rds_api="on")
    held = [connect(dsn) for _ in range(3)]
    assert labels(agent) == set()  # held back until the name is known
    held[0].close()
    eventually(lambda: labels(agent))
    assert labels(agent) == {"lab"}
    held[1].close()
    (known,) = aurora_otel.snapshot().clusters
    assert (known.id, known.connections) == ("lab", 1)
    assert agent.exported.metric("aurora.connection.opens") == 3
    assert agent.exported.metric("aurora.connection.closes") == 2
    assert agent.exported.metric("aurora.connection.count") == 1
    held[2].close()


def test_a_name_that_is_set_stays(start, cluster, plane, connect):
    agent = start(rds_api="on", cluster_id="orders")
    connection = connect(cluster.dsn(cluster.writer))
    assert labels(agent) == {"orders"}
    assert plane.calls.total() == 0
    connection.close()


def test_without_an_answer_the_cluster_is_called_by_its_host(start, cluster, plane, connect):
    plane.does.allowed = set()
    agent = start(rds_api="on")
    connection = connect(cluster.dsn(cluster.writer))
    write(connection)
    eventually(lambda: labels(agent))
    assert labels(agent) == {cluster.host(cluster.writer)}
    connection.close()


def test_by_default_no_name_is_looked_up(agent, cluster, plane, connect):
    connection = connect(cluster.dsn(cluster.writer))
    assert labels(agent) == {cluster.host(cluster.writer)}
    assert plane.calls.total() == 0
    connection.close()
