"""The writer endpoint's name leads to the old writer, or nowhere, long after a failover."""

from __future__ import annotations

import psycopg
import pytest

from aurora_otel.lab import Cluster, Failover, resolving
from tests.support.sql import serving, write

STRAIGHT = "aurora.connection.straight"
PRIVATE = "db.example.com"
FROZEN = 600.0


@pytest.fixture
def by_name(cluster):
    """Connects by name alone, to wherever that leads at the moment."""
    opened = []

    def connect(host=None, **parameters):
        host = host or cluster.host("writer")
        login = {"user": cluster.user, "password": cluster.password, "dbname": cluster.database}
        given = {"host": host, "port": cluster.address("writer")[1], **login, **parameters}
        opened.append(psycopg.connect(**given))
        return opened[-1]

    with resolving(cluster.records({PRIVATE: "writer"})):
        yield connect
    for connection in opened:
        connection.close()


def endpoints(cluster: Cluster) -> str:
    places = (f"{each}={':'.join(map(str, cluster.address(each)))}" for each in cluster.instances)
    return ",".join(places)


def test_connects_go_straight_to_the_writer_from_the_verdict_on(start, cluster, by_name):
    agent = start(instance_endpoints=endpoints(cluster))
    first = by_name()
    cluster.dns_lag = FROZEN
    switch = cluster.failover(Failover.SWITCHOVER)
    connection = by_name()
    assert serving(connection) == switch.new_writer
    write(connection)
    assert connection.info.host == cluster.host("writer")
    assert connection.info.hostaddr == cluster.address(switch.new_writer)[0]
    later = by_name()
    assert serving(later) == switch.new_writer
    assert agent.exported.metric("aurora.connection.misroutes") <= 1
    assert agent.exported.metric(STRAIGHT) == 2
    assert agent.exported.metric("aurora.connection.opens") == 3
    *_, span = agent.exported.spans("track connection")
    assert span.attributes["aurora.straight.reason"] in ("failover", "misrouted")
    assert span.attributes["network.peer.address"] == cluster.address(switch.new_writer)[0]
    assert span.attributes["server.address"] == cluster.host("writer")
    del first
