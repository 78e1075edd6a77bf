"""What only PyMySQL can do goes on working, and is watched for symptoms."""

from __future__ import annotations

from typing import ClassVar

import pymysql
import pytest
from pymysql.cursors import SSDictCursor

import aurora_otel
from aurora_otel.drivers.marks import track_of
from tests.support.drivers.mysql_features import PYMYSQL
from tests.support.mysql import arguments, bare, end, executed, writer_endpoint
from tests.support.sql import attempt
from tests.support.upstream import UPSTREAM
from tests.support.waiting import eventually

connect = PYMYSQL.connect


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


@pytest.fixture
def agent(start, cluster):
    return start(writer_endpoints=writer_endpoint(cluster))


@pytest.mark.parametrize("autocommit", [True, False, None])
def test_a_fresh_connection_is_as_the_driver_made_it(start, cluster, autocommit):
    def state(connection):
        own = {"_sock", "_rfile", "ctx", "salt", "server_thread_id", "_aurora_otel"}
        # Of the last packet: the next one sets it again.
        own |= {"_next_seq_id", "_current_timeout", "_result"}
        attributes = {name: each for name, each in vars(connection).items() if name not in own}
        of_statement = connection.affected_rows(), connection.insert_id()
        statement = "SELECT @@in_transaction, @@warning_count, LAST_INSERT_ID()"
        return attributes, of_statement, executed(connection, statement)[-1]

    plain = bare(connect(cluster, autocommit=autocommit, read_timeout=17))
    agent = start(writer_endpoints=writer_endpoint(cluster))
    ours = bare(connect(cluster, autocommit=autocommit, read_timeout=17))
    assert agent.tracked(cluster.writer) == 1
    assert type(ours) is type(plain)
    assert state(ours) == state(plain)
    assert ours._sock.gettimeout() == 17
    ours.close()
    plain.close()


@pytest.mark.filterwarnings("ignore:The 'reconnect' argument is deprecated")
@pytest.mark.parametrize("again", ["ping", "connect"])
def test_a_connection_that_connects_again_is_another_one(start, cluster, again):
    agent = start(writer_endpoints=writer_endpoint(cluster), prune_interval=60)
    connection = connect(cluster)
    before = cluster.writer
    executed(connection, "SELECT 1")
    first, session = track_of(connection), connection.thread_id()
    cluster.failover("crash")
    if again == "ping":
        eventually(lambda: attempt(lambda: connection.ping(reconnect=True)) is None)
    else:
        attempt(lambda: connection.ping(reconnect=False))
        eventually(lambda: attempt(connection.connect) is None)
    assert connection.thread_id() != session or cluster.writer != before
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == ((cluster.writer,),)
    assert first.closed
    assert track_of(connection) is not first
    assert agent.tracked(cluster.writer) == agent.tracked() == 1
    assert agent.exported.metric("aurora.connection.opens") == 2
    assert agent.exported.metric("aurora.failovers") == 1  # a symptom was seen
    connection.close()
    assert agent.tracked() == 0


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream makes its own")
def test_query_spans_have_the_instance_that_a_connection_is_on_by_now(start, cluster):
    agent = start(query_spans="summary", writer_endpoints=writer_endpoint(cluster))
    connection = connect(cluster)
    executed(connection, "SELECT 1")
    before = cluster.writer
    cluster.failover("crash")
    attempt(lambda: connection.ping(reconnect=False))
    eventually(lambda: attempt(connection.connect) is None)
    executed(connection, "SELECT 1")
    spans = agent.exported.spans("SELECT")
    instances = [span.attributes["aurora.instance.id"] for span in spans]
    assert instances == [before, cluster.writer]
    connection.close()


class Failing(pymysql.connections.Connection):
    """Connects once."""

    logins: ClassVar[list[object]] = []

    def _request_authentication(self):
        self.logins.append(self.server_thread_id)
        if len(self.logins) > 1:
            raise pymysql.OperationalError(2003, "not today")
        super()._request_authentication()


def test_a_misrouted_connection_that_cannot_be_replaced_is_handed_over(start, cluster):
    agent = start(writer_endpoints=writer_endpoint(cluster))
    held = connect(cluster)
    old = cluster.writer
    cluster.dns_lag = 30
    cluster.failover("switchover")
    connection = Failing(**arguments(cluster))
    assert len(connection.logins) == 2
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == ((old,),)
    # Known to be stale.
    assert agent.exported.metric("aurora.connection.opens", instance_id=old) == 2
    for each in (held, connection):
        each.close()


def test_an_instance_whose_view_may_not_be_read_is_known_by_its_own_word(start, cluster):
    view, hidden = "aurora.replica_host_status", "aurora.hidden"
    cluster.execute(cluster.writer, f"RENAME TABLE {view} TO {hidden}")
    try:
        agent = start(writer_endpoints=writer_endpoint(cluster))
        held = [connect(cluster) for _ in range(2)]
        assert agent.tracked(cluster.writer) == 2
        end(cluster, held[0])
        assert attempt(lambda: executed(held[0], "SELECT 1")) is not None
        (refresh,) = agent.exported.spans("refresh topology")
        assert refresh.attributes["aurora.topology.confirmed"]
        for connection in held:
            connection.close()
    finally:
        cluster.execute(cluster.writer, f"RENAME TABLE {hidden} TO {view}")


class Own(pymysql.connections.Connection):
    """An application's own class."""

    def connect(self, sock=None):
        self.tried = True
        super().connect(sock)


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream's proxies are no instances of them")
def test_the_applications_own_classes_are_its_own(agent, cluster):
    own = Own(**arguments(cluster))
    late = pymysql.connect(**arguments(cluster), defer_connect=True)
    assert agent.tracked() == 1
    late.connect()
    rows = connect(cluster, cursorclass=SSDictCursor)
    assert (type(own), own.tried) == (Own, True)
    assert type(late) is pymysql.connections.Connection
    assert type(rows.cursor()) is SSDictCursor
    assert executed(rows, "SELECT '1' AS x")[-1] == [{"x": "1"}]
    assert agent.tracked(cluster.writer) == 3
    for connection in (own, late, rows):
        connection.close()
    assert agent.tracked() == 0


def test_an_interrupt_during_a_query_is_the_applications(agent, cluster, interrupt_soon):
    connection = connect(cluster)
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        executed(connection, "SELECT SLEEP(30)")
    assert track_of(connection).in_flight_since == 0.0
    assert not aurora_otel.snapshot().clusters[0].window_open
    connection.close()
