"""What only mysql-connector-python can do goes on working, on either class, and is watched."""

from __future__ import annotations

import functools

import mysql.connector
import pytest
from mysql.connector import CMySQLConnection, MySQLConnection, pooling
from mysql.connector.cursor import MySQLCursorDict
from mysql.connector.cursor_cext import CMySQLCursorDict

from aurora_otel.drivers.marks import track_of
from aurora_otel.drivers.mysql_connector import Adapter
from tests.support.drivers.mysql_connector_features import executed
from tests.support.drivers.mysql_features import PURE, C
from tests.support.mysql import arguments, bare, seen, writer_endpoint
from tests.support.sql import attempt
from tests.support.upstream import UPSTREAM
from tests.support.waiting import eventually

# The driver's own tracing wants to pass the span on.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This version of the server does not support Query Attr"
)
CLASSES = {True: MySQLConnection, False: CMySQLConnection}


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


@pytest.fixture
def agent(start, cluster):
    return start(writer_endpoints=writer_endpoint(cluster))


@pytest.fixture(params=[True, False], ids=["pure", "C"])
def use_pure(request):
    return request.param


@pytest.fixture
def connect(cluster, use_pure):
    return functools.partial((PURE if use_pure else C).connect, cluster)


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream asks it for its database")
@pytest.mark.parametrize("autocommit", [True, False])
def test_a_fresh_connection_is_as_the_driver_made_it(start, cluster, connect, autocommit):
    def state(connection):
        own = {"_socket", "_protocol", "_cmysql", "_handshake", "_authenticator"}
        attributes = {
            name: repr(each)
            for name, each in vars(connection).items()
            if name not in own and not name.startswith("_aurora_otel")
        }
        if isinstance(connection, MySQLConnection):
            attributes["last packet"] = connection._socket._netbroker._pktnr
        statement = "SELECT @@in_transaction, @@warning_count, LAST_INSERT_ID(), @@autocommit"
        found = connection.info_query(statement), executed(connection, "SELECT 1", raw=True)
        return seen((attributes, found, executed(connection, "SELECT 1")))

    plain = bare(connect(autocommit=autocommit))
    agent = start(writer_endpoints=writer_endpoint(cluster))
    ours = bare(connect(autocommit=autocommit))
    assert agent.tracked(cluster.writer) == 1
    assert type(ours) is type(plain)
    assert state(ours) == state(plain)
    for connection in (ours, plain):
        connection.close()


@pytest.mark.parametrize("again", ["ping", "reconnect"])
def test_a_connection_that_connects_again_is_another_one(start, cluster, connect, again):
    agent = start(writer_endpoints=writer_endpoint(cluster), prune_interval=60)
    connection = bare(connect())
    executed(connection, "SELECT 1")
    connection.rollback()
    first = track_of(connection)
    cluster.failover("crash")
    if again == "ping":
        eventually(lambda: attempt(lambda: connection.ping(reconnect=True)) is None)
    else:
        eventually(lambda: attempt(connection.reconnect) is None)
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == [(cluster.writer,)]
    assert first.closed
    assert track_of(connection) is not first
    assert agent.tracked(cluster.writer) == agent.tracked() == 1
    assert agent.exported.metric("aurora.connection.opens") == 2
    eventually(lambda: agent.exported.metric("aurora.failovers") == 1)  # a symptom was seen
    connection.close()
    assert agent.tracked() == 0


def test_a_misrouted_connection_that_cannot_be_replaced_is_handed_over(
    start, cluster, connect, monkeypatch
):
    agent = start(writer_endpoints=writer_endpoint(cluster))
    held = connect()
    old = cluster.writer
    cluster.dns_lag = 30
    cluster.failover("switchover")
    logins = []
    open_connection = type(bare(held))._open_connection

    def once(connection):
        logins.append(connection)
        if connection in logins[:-1]:
            raise mysql.connector.OperationalError("not today", errno=2003)
        open_connection(connection)

    monkeypatch.setattr(type(bare(held)), "_open_connection", once)
    connection = connect()
    assert logins.count(bare(connection)) == 2
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == [(old,)]
    # Known to be stale.
    assert agent.exported.metric("aurora.connection.opens", instance_id=old) == 2
    for each in (held, connection):
        each.close()


def test_the_drivers_own_pool_goes_on_with_the_new_writer(start, cluster, use_pure):
    agent = start(writer_endpoints=writer_endpoint(cluster))
    pool = pooling.MySQLConnectionPool(
        pool_size=3, pool_name=f"pool-{use_pure}", use_pure=use_pure, **arguments(cluster)
    )
    assert agent.tracked(cluster.writer) == 3
    taken = pool.get_connection()
    assert isinstance(taken, pooling.PooledMySQLConnection)
    executed(taken, "SELECT 1")
    taken.close()
    assert agent.tracked(cluster.writer) == 3
    assert agent.exported.metric("aurora.connection.closes") == 0

    cluster.failover("switchover")
    refused = attempt(lambda: write(pool))
    # The pool resets what is returned to it, and finds it lost: the application hears the refusal.
    assert refused.errno == 1290
    for _ in range(4):
        write(pool)
    assert agent.tracked(cluster.writer) == agent.tracked()
    assert (
        agent.exported.metric("aurora.connection.invalidations", invalidation_outcome="closed") == 3
    )
    pool._remove_connections()
    assert agent.tracked() == 0


def write(pool):
    connection = pool.get_connection()
    try:
        executed(connection, "INSERT INTO writes (x) VALUES ('pooled')")
        connection.commit()
    finally:
        connection.close()


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream's proxies are no instances of them")
def test_the_applications_own_classes_are_its_own(agent, cluster, use_pure):
    class Own(CLASSES[use_pure]):
        def connect(self, **kwargs):
            self.tried = True
            super().connect(**kwargs)

    dictionaries = MySQLCursorDict if use_pure else CMySQLCursorDict
    own = Own(**arguments(cluster))
    late = CLASSES[use_pure]()
    assert agent.tracked() == 1
    late.connect(**arguments(cluster))
    assert (type(own), own.tried) == (Own, True)
    assert type(own.cursor(cursor_class=dictionaries)) is dictionaries
    assert agent.tracked(cluster.writer) == 2
    for connection in (own, late):
        connection.close()
    assert agent.tracked() == 0


def test_the_driver_notes_no_transaction_of_the_agent_either(cluster, connect):
    connection = bare(connect())
    Adapter().ask(connection, "SELECT COUNT(*) FROM writes", 5.0)
    assert not connection.in_transaction
    connection.close()
