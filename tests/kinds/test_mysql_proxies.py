"""Behind ProxySQL and MaxScale, as far as they can be played: see `tests/support/mysql_proxies`."""

from __future__ import annotations

import itertools
from collections import Counter

import mysql.connector
import MySQLdb
import pymysql
import pytest

from aurora_otel.discovery import SYSTEMS
from aurora_otel.lab import Failover
from tests.support.mysql_proxies import MaxScale, ProxySQL
from tests.support.sql import attempt, run, write
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"
READ_ONLY = 1290
PROBE = SYSTEMS["mysql"].probe
DRIVERS = {
    "pymysql": pymysql.connect,
    "mysqlclient": MySQLdb.connect,
    "mysql-connector": lambda **login: mysql.connector.connect(**login, use_pure=True),
}


@pytest.fixture
def lab(plain_mysql):
    return plain_mysql


@pytest.fixture(params=[ProxySQL, MaxScale], ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture
def proxy(kind, cluster):
    with kind(cluster) as running:
        yield running


@pytest.fixture(params=DRIVERS)
def connect(request, cluster):
    """Connects to a host and port; without autocommit, as PEP 249 says, unless it is asked for."""

    def connect(host, port, **more):
        login = {**cluster.parameters(), "host": host, "port": port}
        return DRIVERS[request.param](**login, **more)

    return connect


def through(proxy, connect, **more):
    return connect("127.0.0.1", proxy.port, **more)


def straight(cluster, connect):
    return connect(*cluster.plain_address(cluster.writer))


def serving(connection):
    ((instance,),) = run(connection, "SELECT @@report_host")
    connection.rollback()
    return instance


def refused_write(connection):
    """Write; return the code of the error. The transaction is over."""
    error = attempt(lambda: write(connection))
    if error is not None:
        attempt(connection.rollback)
    return error and error.args[0]


def close(connections):
    for connection in connections:
        attempt(connection.close)


def test_a_failover_that_their_sessions_follow_closes_none(agent, cluster, connect, proxy):
    beside = straight(cluster, connect)
    held = [through(proxy, connect) for _ in range(2)]
    held.append(through(proxy, connect, autocommit=True))
    for connection in held:
        write(connection)
    assert agent.tracked("unknown") == 3
    assert agent.tracked() == 4
    clients = set(proxy.clients)
    switch = cluster.failover(Failover.SWITCHOVER)
    # The agent learns of the failover, and closes what led to the old writer itself.
    assert refused_write(beside) == READ_ONLY
    eventually(lambda: agent.tracked() == 3)
    for connection in held:
        write(connection)
        assert serving(connection) in cluster.instances
    assert proxy.clients >= clients
    assert agent.exported.metric(INVALIDATIONS) == 1
    assert agent.exported.metric(INVALIDATIONS, instance_id="unknown") == 0
    assert cluster.writer == switch.new_writer
    close([beside, *held])


def test_writes_that_are_refused_until_they_follow_close_none(start, cluster, connect, kind):
    agent = start()
    taken_for_writer = [cluster.writer]
    with kind(cluster, writer=lambda: taken_for_writer[-1]) as proxy:
        held = [through(proxy, connect) for _ in range(3)]
        clients = set(proxy.clients)
        cluster.failover(Failover.SWITCHOVER)
        assert [refused_write(each) for each in held] == [READ_ONLY] * 3
        taken_for_writer.append(cluster.writer)
        for connection in held:
            write(connection)
        assert proxy.clients >= clients
        assert agent.tracked("unknown") == agent.tracked() == 3
        assert agent.exported.metric(INVALIDATIONS) == 0
        close(held)


def test_one_is_asked_once_and_no_session_of_its_own_is_bound_by_that(
    start, cluster, connect, proxy
):
    close(through(proxy, connect) for _ in range(3))
    without = Counter(proxy.statements)
    proxy.statements.clear()
    start()
    close(through(proxy, connect) for _ in range(3))
    ours = Counter(proxy.statements) - without
    assert ours[PROBE] == 1
    # A driver without autocommit has begun a transaction with it.
    assert set(ours) <= {PROBE, "ROLLBACK"}
    # ProxySQL keeps a server's session for a client that sends one.
    assert "@" not in PROBE


def test_one_that_numbers_a_session_as_its_server_does_is_found_out_by_the_next(
    start, cluster, connect
):
    agent = start()
    numbers = itertools.count(900_000)
    first = iter([ProxySQL.next_session])

    def number(proxy):
        return next(first, lambda _: next(numbers))(proxy)

    with ProxySQL(cluster, number=number) as proxy:
        beside = straight(cluster, connect)
        by_chance = through(proxy, connect)
        # Nothing shows that it is none of the server's.
        assert agent.tracked("unknown") == 0
        assert agent.tracked() == 2
        held = [by_chance, *(through(proxy, connect) for _ in range(2))]
        assert agent.tracked("unknown") == 3
        clients = set(proxy.clients)
        cluster.failover(Failover.SWITCHOVER)
        assert refused_write(beside) == READ_ONLY
        eventually(lambda: agent.tracked() == 3)
        for connection in held:
            write(connection)
        assert proxy.clients >= clients
        assert agent.exported.metric(INVALIDATIONS) == 1
        close([beside, *held])
