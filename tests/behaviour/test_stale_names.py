"""The writer endpoint's name leads to the old writer, or nowhere, long after a failover."""

from __future__ import annotations

import contextlib
import socket

import pg8000.dbapi
import psycopg
import pytest

from aurora_otel.lab import Cluster, Failover, resolving
from tests.support.sql import attempt, refused_write, serving, write
from tests.support.waiting import eventually

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


def test_straight_connects_cost_no_login_beyond_their_own(start, cluster, by_name, logins):
    start(instance_endpoints=endpoints(cluster))
    held = by_name()
    cluster.dns_lag = FROZEN
    new = cluster.failover(Failover.SWITCHOVER).new_writer
    assert refused_write(held) is not None
    logins.reset()
    opened = [by_name() for _ in range(5)]
    assert [serving(each) for each in opened] == [new] * 5
    eventually(lambda: logins.of_the_application()[new] == 5)
    expected = {name: 5 if name == new else 0 for name in cluster.instances}
    assert logins.count("connection authorized: user=app ") == expected


@contextlib.contextmanager
def black_hole(address):
    """Have an address swallow packets: its listener accepts nothing, and its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(address, backlog=0))
        while True:
            client = stack.enter_context(socket.socket())
            client.settimeout(0.5)
            try:
                client.connect(listener.getsockname())
            except TimeoutError:
                break
        yield


def by_psycopg(cluster, host, port):
    login = {"user": cluster.user, "password": cluster.password, "dbname": cluster.database}
    return psycopg.connect(host=host, port=port, connect_timeout=3, **login)


def by_pg8000(cluster, host, port):
    login = {"user": cluster.user, "password": cluster.password, "database": cluster.database}
    return pg8000.dbapi.connect(host=host, port=port, timeout=3, **login)


@pytest.mark.parametrize("connect", [by_psycopg, by_pg8000])
def test_an_old_writer_that_swallows_packets_holds_up_no_connect_after_the_verdict(
    start, cluster, connect
):
    host, (_, port) = cluster.host("writer"), cluster.address("writer")
    hole = "127.0.0.99"
    names = {host: cluster.address(cluster.writer)[0]}
    with resolving(names), black_hole((hole, port)):
        start(instance_endpoints=endpoints(cluster))
        held = connect(cluster, host, port)
        new = cluster.failover(Failover.SWITCHOVER).new_writer
        assert attempt(lambda: write(held)) is not None
        names[host] = hole
        for _ in range(3):
            with contextlib.closing(connect(cluster, host, port)) as connection:
                assert serving(connection) == new
        # Without a way past it, it is one.
        start(straight_connects="off")
        assert attempt(lambda: connect(cluster, host, port)) is not None
