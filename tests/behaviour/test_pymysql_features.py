"""What PyMySQL can do goes on working, and is watched for symptoms."""

from __future__ import annotations

import gc
import signal
import threading
from typing import ClassVar

import pymysql
import pytest
from pymysql.converters import conversions
from pymysql.cursors import DictCursor, SSCursor, SSDictCursor

import aurora_otel
from aurora_otel.drivers.pymysql import Adapter
from aurora_otel.lab.filters import SilenceAfterMySQLLogin
from tests.behaviour.mysql import (
    COMMON,
    ITEMS,
    arguments,
    bare,
    end,
    executed,
    seen,
    writer_endpoint,
)
from tests.behaviour.sql import attempt
from tests.behaviour.test_silent_servers import Transparent
from tests.conftest import UPSTREAM, eventually

# Without us, too: an unbuffered result that is collected reads on where there is no socket.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function (MySQLResult|SSCursor)"
    ":pytest.PytestUnraisableExceptionWarning"
)

OURS = {"track connection", "refresh topology", "failover", "invalidate connections"}
# Converters of an application that fail on whatever is read.
FAILING = {
    **conversions,
    **{kind: lambda _: 1 / 0 for kind in conversions if isinstance(kind, int)},
}
ROWS = "SELECT seq FROM seq_1_to_5"
MANY_ROWS = "SELECT seq, REPEAT('x', 1000) FROM seq_1_to_20000"


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


@pytest.fixture(autouse=True)
def _collected():
    yield
    gc.collect()


@pytest.fixture
def agent(start, cluster):
    return start(writer_endpoints=writer_endpoint(cluster))


def old_sessions(cluster, instance):
    """Return how many of the application's sessions an instance has."""
    statement = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s"
    return cluster.execute(instance, statement, cluster.user)[0][0]


def connect(cluster, target="writer", **others):
    return pymysql.connect(**{**arguments(cluster, target), **others})


def row_by_row(connection):
    cursor = connection.cursor(SSCursor)
    cursor.execute(ROWS)
    return cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall(), cursor.rowcount


def abandoned(connection):
    cursor = connection.cursor(SSCursor)
    cursor.execute(ROWS)
    cursor.fetchone()
    cursor.close()
    return executed(connection, "SELECT 'next'")


def collected(connection):
    connection.cursor(SSDictCursor).execute(ROWS)
    gc.collect()
    return executed(connection, "SELECT 'next'")


def loaded(connection, tmp_path):
    file = tmp_path / "rows"
    file.write_text("l1\nl2\n")
    return executed(connection, f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE items (x)")


FEATURES = {
    **COMMON,
    "ping": lambda c: c.ping(reconnect=False),  # older ones would connect again
    "row by row": row_by_row,
    "abandoned": abandoned,
    "collected": collected,
    "dictionaries": lambda c: executed(c, "SELECT 1 AS a, 'x' AS b", cursor=DictCursor),
    "mogrify": lambda c: c.cursor().mogrify("SELECT %s", ("x",)),
    "escape": lambda c: c.escape(["a", 1, None]),
    "kill nobody": lambda c: c.kill(999_999_999),
}
OFF_THE_NETWORK = {"block", "mogrify", "escape"}


def with_items(cluster, **others):
    connection = connect(cluster, local_infile=True, **others)
    executed(connection, ITEMS)
    return connection


def outcome(connection, feature):
    results = []
    error = attempt(lambda: results.append(feature(connection)))
    in_transaction = executed(connection, "SELECT @@in_transaction")[-1]
    connection.rollback()
    return seen((results, type(error), error, in_transaction, connection.server_status))


def test_every_feature_does_what_it_does_without_us(start, cluster, tmp_path):
    plain = with_items(cluster)
    start()
    ours = with_items(cluster)
    features = {**FEATURES, "load data": lambda c: loaded(c, tmp_path)}
    for name, feature in features.items():
        assert outcome(ours, feature) == outcome(plain, feature), name
    for connection in (plain, ours):
        connection.close()
        assert attempt(lambda c=connection: executed(c, "SELECT 1")).args == (0, "")
        assert str(attempt(connection.close)) == "Already closed"
    assert not aurora_otel.snapshot().clusters[0].window_open


@pytest.mark.parametrize("autocommit", [True, False, None])
def test_a_fresh_connection_is_as_the_driver_made_it(start, cluster, autocommit):
    def state(connection):
        own = {"_sock", "_rfile", "ctx", "salt", "server_thread_id", "_aurora_otel"}
        # Of the last packet: set anew by the next.
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


@pytest.mark.parametrize("name", sorted(FEATURES.keys() - OFF_THE_NETWORK))
def test_every_feature_shows_a_lost_connection(start, cluster, name):
    agent = start(prune_interval=60)  # so that no round finds it first
    connection = connect(cluster)
    end(cluster, connection)
    assert isinstance(attempt(lambda: FEATURES[name](connection)), pymysql.Error)
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    eventually(lambda: agent.told.spans("refresh topology"))
    connection.close()


def exhaust(fetch):
    while fetch():
        pass


@pytest.mark.parametrize("fetch", ["fetchone", "fetchmany", "fetchall", "close"])
def test_rows_that_come_one_by_one_show_a_lost_connection(start, cluster, fetch):
    start(prune_interval=60)
    connection = connect(cluster)
    cursor = connection.cursor(SSCursor)
    cursor.execute(MANY_ROWS)
    end(cluster, connection)

    assert isinstance(attempt(lambda: exhaust(getattr(cursor, fetch))), pymysql.OperationalError)
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    connection.close()


@pytest.mark.filterwarnings("ignore:The 'reconnect' argument is deprecated")
@pytest.mark.parametrize("again", ["ping", "connect"])
def test_a_connection_that_connects_again_is_another_one(start, cluster, again):
    agent = start(writer_endpoints=writer_endpoint(cluster), prune_interval=60)
    connection = connect(cluster)
    before = cluster.writer
    executed(connection, "SELECT 1")
    first, session = connection._aurora_otel, connection.thread_id()
    cluster.failover("crash")
    if again == "ping":
        eventually(lambda: attempt(lambda: connection.ping(reconnect=True)) is None)
    else:
        attempt(lambda: connection.ping(reconnect=False))
        eventually(lambda: attempt(connection.connect) is None)
    assert connection.thread_id() != session or cluster.writer != before
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == ((cluster.writer,),)
    assert first.closed
    assert connection._aurora_otel is not first
    assert agent.tracked(cluster.writer) == agent.tracked() == 1
    assert agent.told.metric("aurora.connection.opens") == 2
    assert agent.told.metric("aurora.failovers") == 1  # a symptom was seen
    connection.close()
    assert agent.tracked() == 0


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream makes its own")
def test_query_spans_tell_the_instance_that_a_connection_is_on_by_now(start, cluster):
    agent = start(query_spans="summary", writer_endpoints=writer_endpoint(cluster))
    connection = connect(cluster)
    executed(connection, "SELECT 1")
    before = cluster.writer
    cluster.failover("crash")
    attempt(lambda: connection.ping(reconnect=False))
    eventually(lambda: attempt(connection.connect) is None)
    executed(connection, "SELECT 1")
    spans = agent.told.spans("SELECT")
    told = [span.attributes["aurora.instance.id"] for span in spans]
    assert told == [before, cluster.writer]
    connection.close()


def test_a_misrouted_connection_is_replaced_under_its_object(start, cluster):
    agent = start(writer_endpoints=writer_endpoint(cluster))
    held = connect(cluster)
    old = cluster.writer
    cluster.dns_lag = 0.4
    cluster.failover("switchover")
    connection = connect(cluster)
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == ((cluster.writer,),)
    assert agent.tracked(cluster.writer) == agent.tracked() == 1
    assert agent.told.metric("aurora.connection.misroutes") >= 1
    # Our own connections may go there, too.
    eventually(lambda: old_sessions(cluster, old) == 0)
    for each in (held, connection):
        each.close()


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
    assert agent.told.metric("aurora.connection.opens", instance_id=old) == 2
    for each in (held, connection):
        each.close()


def test_a_connection_whose_question_is_not_answered_connects_again_as_the_same_object(
    start, cluster
):
    agent = start(identify_timeout=0.2)
    made = []

    def first_one_silent():
        made.append(Transparent() if made else SilenceAfterMySQLLogin())
        return made[-1]

    cluster.gateway.filter("writer", first_one_silent)
    connection = connect(cluster)
    assert len(made) == 2
    assert executed(connection, "SELECT 1")[-1] == ((1,),)
    assert agent.tracked("unknown") == agent.tracked() == 1
    eventually(lambda: cluster.gateway.links("writer") == 1)
    connection.close()


def test_an_instance_whose_view_may_not_be_read_is_known_by_its_own_word(start, cluster):
    view, hidden = "aurora.replica_host_status", "aurora.hidden"
    cluster.execute(cluster.writer, f"RENAME TABLE {view} TO {hidden}")
    try:
        agent = start(writer_endpoints=writer_endpoint(cluster))
        held = [connect(cluster) for _ in range(2)]
        assert agent.tracked(cluster.writer) == 2
        end(cluster, held[0])
        assert attempt(lambda: executed(held[0], "SELECT 1")) is not None
        (looked,) = agent.told.spans("refresh topology")
        assert looked.attributes["aurora.topology.confirmed"]
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


def test_what_is_asked_is_text_whatever_the_application_converts(cluster):
    driver = Adapter()
    plain = connect(cluster)
    odd = connect(cluster, conv=FAILING, use_unicode=False, charset="gbk")
    for connection in (plain, odd):
        rows = driver.ask(connection, "SELECT 1, 'x', NULL, 1.5", 5.0)
        assert [list(row) for row in rows] == [["1", "x", None, "1.5"]]
        connection.close()


def test_a_connection_that_dies_of_what_is_asked_is_not_handed_over(cluster):
    driver = Adapter()
    connection = connect(cluster)
    end(cluster, connection)
    assert isinstance(attempt(lambda: driver.ask(connection, "SELECT 1", 5.0)), pymysql.Error)
    assert driver.is_closed(connection)


def test_what_we_ask_is_never_taken_for_an_answer_to_the_application(cluster, request):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    driver = Adapter()
    refused, interrupted = connect(cluster), connect(cluster)
    with pytest.raises(pymysql.OperationalError, match="nonsense"):
        driver.ask(refused, "SELECT nonsense", 30.0)
    assert executed(refused, "SELECT 'mine'")[-1] == (("mine",),)

    main = threading.main_thread().ident
    threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        driver.ask(interrupted, "SELECT SLEEP(30)", 30.0)
    assert driver.is_closed(interrupted)
    refused.close()


def test_a_read_of_ours_leaves_no_transaction_behind(cluster):
    driver = Adapter()
    connection = connect(cluster)
    driver.ask(connection, "SELECT COUNT(*) FROM writes", 5.0)
    assert executed(connection, "SELECT @@in_transaction")[-1] == ((0,),)
    connection.close()


def test_a_connection_that_the_application_forgot_is_pruned(agent, cluster):
    connection = connect(cluster)
    executed(connection, "SELECT 1")
    assert agent.tracked() == 1
    del connection
    gc.collect()
    eventually(lambda: agent.tracked() == 0)
    reason = "garbage_collected"
    assert agent.told.metric("aurora.connection.prunes", prune_reason=reason) == 1


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream makes its own")
def test_query_spans_are_one_a_call(start, cluster):
    agent = start(query_spans="summary")
    connection = with_items(cluster)
    COMMON["executemany"](connection)
    spans = [span for span in agent.told.spans() if span.name not in OURS]
    assert [span.name for span in spans] == ["CREATE", "INSERT"]
    assert {span.attributes["db.user"] for span in spans} == {cluster.user}
    assert {span.attributes["db.name"] for span in spans} == {cluster.database}
    connection.close()


def test_an_interrupt_during_a_query_is_the_applications(agent, cluster, request):
    # A shell starts what runs in the background with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    connection = connect(cluster)
    main = threading.main_thread().ident
    threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        executed(connection, "SELECT SLEEP(30)")
    assert connection._aurora_otel.in_flight_since == 0.0
    assert not aurora_otel.snapshot().clusters[0].window_open
    connection.close()
