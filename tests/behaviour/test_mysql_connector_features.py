"""What mysql-connector-python can do goes on working, on either class, and is watched."""

from __future__ import annotations

import gc

import mysql.connector
import pytest
from _mysql_connector import MySQLInterfaceError
from mysql.connector import CMySQLConnection, MySQLConnection, pooling
from mysql.connector.cursor import MySQLCursorDict
from mysql.connector.cursor_cext import CMySQLCursorDict

import aurora_otel
from aurora_otel.drivers.mysql_connector import Adapter
from aurora_otel.lab.filters import SilenceAfterMySQLLogin
from tests.behaviour.mysql import ITEMS, arguments, bare, end_session, seen, writer_endpoint
from tests.behaviour.sql import attempt
from tests.behaviour.test_silent_servers import Transparent
from tests.conftest import UPSTREAM, eventually

pytestmark = [
    pytest.mark.filterwarnings("ignore:Call to deprecated function stored_results"),
    # The driver's own tracing wants to pass the span on.
    pytest.mark.filterwarnings("ignore:This version of the server does not support Query Attr"),
]

CLASSES = {True: MySQLConnection, False: CMySQLConnection}
ERRORS = (mysql.connector.Error, MySQLInterfaceError)
MANY_ROWS = "SELECT seq, REPEAT('x', 1000) FROM seq_1_to_20000"
OURS = {"track connection", "refresh topology", "failover", "invalidate connections"}


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
    def connect(target="writer", **others):
        return mysql.connector.connect(
            **{**arguments(cluster, target), "use_pure": use_pure, **others}
        )

    return connect


def executed(connection, statement, params=(), **how):
    """Run a statement; return all that the cursor shows of it."""
    cursor = connection.cursor(**how)
    cursor.execute(statement, params)
    rows = cursor.fetchall() if cursor.description else None
    return cursor.description, cursor.rowcount, cursor.lastrowid, rows


def executemany(connection, **how):
    cursor = connection.cursor(**how)
    cursor.executemany("INSERT INTO items (x) VALUES (%s)", [("a",), ("b",)])
    return cursor.rowcount


def callproc(connection):
    cursor = connection.cursor()
    returned = cursor.callproc("two_results", (1,))
    return returned, [list(result.fetchall()) for result in cursor.stored_results()]


def several_results(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT 1; SELECT 2")
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall())
    return found


def row_by_row(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT seq FROM seq_1_to_5")
    return cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall(), cursor.rowcount


def prepared(connection):
    cursor = connection.cursor(prepared=True)
    found = []
    for number in (1, 2):
        cursor.execute("SELECT ?", (number,))
        found.append(cursor.fetchall())
    cursor.close()
    return found


def autocommitted(connection):
    connection.autocommit = True
    on = connection.autocommit
    connection.autocommit = False
    return on, connection.autocommit


def database(connection):
    connection.database = "information_schema"
    return connection.database


def begun(connection):
    connection.start_transaction(isolation_level="READ COMMITTED", readonly=True)
    return connection.in_transaction, executed(connection, "SELECT 1")


FEATURES = {
    "execute": lambda c: executed(c, "SELECT 1, 'x', NULL, 1.5"),
    "parameters": lambda c: executed(c, "SELECT %s, %s", (1, "it's")),
    "named parameters": lambda c: executed(c, "SELECT %(a)s", {"a": 1}),
    "dictionaries": lambda c: executed(c, "SELECT 1 AS a", dictionary=True),
    "buffered": lambda c: executed(c, "SELECT 1", buffered=True),
    "raw": lambda c: executed(c, "SELECT 1", raw=True),
    "executemany": executemany,
    "callproc": callproc,
    "several results": several_results,
    "row by row": row_by_row,
    "prepared": prepared,
    "prepared executemany": lambda c: executemany(c, prepared=True),
    "autocommit": autocommitted,
    "database": database,
    "start_transaction": begun,
    "commit": lambda c: (executed(c, "INSERT INTO items (x) VALUES ('c')"), c.commit())[1],
    "rollback": lambda c: (executed(c, "INSERT INTO items (x) VALUES ('r')"), c.rollback())[1],
    "character set": lambda c: (c.set_charset_collation("latin1"), executed(c, "SELECT 'é'")),
    "time zone": lambda c: (setattr(c, "time_zone", "+01:00"), c.time_zone),
    "one row": lambda c: c.info_query("SELECT 1, 'x'"),
    "ping": lambda c: c.ping(),
    "is_connected": lambda c: c.is_connected(),
    "statistics": lambda c: sorted(c.cmd_statistics()),
    "syntax error": lambda c: executed(c, "SELEC"),
    "unique violation": lambda c: executed(c, "INSERT INTO items (x) VALUES ('u'), ('u')"),
    "wrong arguments": lambda c: executed(c, "SELECT %s", (1, 2)),
}
# A cursor asks whether the connection is there, so each of these shows it in one way or another.
ON_THE_NETWORK = [*sorted(FEATURES.keys() - {"wrong arguments"}), "reset_session"]


def with_items(connect):
    connection = connect()
    executed(connection, ITEMS)
    return connection


def outcome(connection, feature):
    results = []
    error = attempt(lambda: results.append(feature(connection)))
    in_transaction = connection.in_transaction
    connection.rollback()
    return seen((results, type(error), str(error), in_transaction, connection.unread_result))


def test_every_feature_does_what_it_does_without_us(start, cluster, connect):
    plain = with_items(connect)
    start()
    ours = with_items(connect)
    for name, feature in FEATURES.items():
        if name.startswith("prepared") and UPSTREAM:
            # In a span the C class passes that on to MariaDB with a prepared statement's values,
            # and MariaDB takes it for one of them; without us, too.
            continue
        assert outcome(ours, feature) == outcome(plain, feature), name
    ends = []
    for connection in (plain, ours):
        # With temporary tables, and what else the session had, gone.
        connection.reset_session(user_variables={"a": 1})
        ends.append([executed(connection, "SELECT @a")])
        connection.close()
        ends[-1] += [connection.is_connected(), str(attempt(connection.cursor))]
        ends[-1] += [str(attempt(connection.close))]
    assert seen(ends[0]) == seen(ends[1])
    assert not aurora_otel.snapshot().clusters[0].window_open


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


@pytest.mark.parametrize("name", ON_THE_NETWORK)
def test_every_feature_shows_a_lost_connection(start, cluster, connect, name):
    agent = start(prune_interval=60)  # so that no round finds it first
    connection = connect()
    end_session(cluster, connection.connection_id)
    feature = FEATURES.get(name, lambda c: c.reset_session())
    error = attempt(lambda: feature(connection))
    assert isinstance(error, ERRORS) or name == "is_connected"
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    eventually(lambda: agent.told.spans("refresh topology"))
    connection.close()


@pytest.mark.parametrize("fetch", ["fetchone", "fetchmany", "fetchall"])
def test_rows_that_come_one_by_one_show_a_lost_connection(start, cluster, connect, fetch):
    start(prune_interval=60)
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(MANY_ROWS)
    end_session(cluster, connection.connection_id)

    def exhaust():
        while getattr(cursor, fetch)():
            pass

    assert isinstance(attempt(exhaust), mysql.connector.Error)
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    connection.close()


@pytest.mark.parametrize("again", ["ping", "reconnect"])
def test_a_connection_that_connects_again_is_another_one(start, cluster, connect, again):
    agent = start(writer_endpoints=writer_endpoint(cluster), prune_interval=60)
    connection = bare(connect())
    executed(connection, "SELECT 1")
    connection.rollback()
    first = connection._aurora_otel
    cluster.failover("crash")
    if again == "ping":
        eventually(lambda: attempt(lambda: connection.ping(reconnect=True)) is None)
    else:
        eventually(lambda: attempt(connection.reconnect) is None)
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == [(cluster.writer,)]
    assert first.closed
    assert connection._aurora_otel is not first
    assert agent.tracked(cluster.writer) == agent.tracked() == 1
    assert agent.told.metric("aurora.connection.opens") == 2
    eventually(lambda: agent.told.metric("aurora.failovers") == 1)  # a symptom was seen
    connection.close()
    assert agent.tracked() == 0


def test_a_misrouted_connection_is_replaced_under_its_object(start, cluster, connect):
    agent = start(writer_endpoints=writer_endpoint(cluster))
    held = connect()
    old = cluster.writer
    cluster.dns_lag = 0.4
    cluster.failover("switchover")
    connection = connect()
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == [(cluster.writer,)]
    assert agent.tracked(cluster.writer) == agent.tracked() == 1
    assert agent.told.metric("aurora.connection.misroutes") >= 1
    there = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s"
    eventually(lambda: cluster.execute(old, there, cluster.user)[0][0] == 0)
    for each in (held, connection):
        each.close()


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
    assert agent.told.metric("aurora.connection.opens", instance_id=old) == 2
    for each in (held, connection):
        each.close()


def test_a_connection_whose_question_is_not_answered_connects_again_as_the_same_object(
    start, cluster, connect
):
    agent = start(identify_timeout=0.2)
    made = []

    def first_one_silent():
        made.append(Transparent() if made else SilenceAfterMySQLLogin())
        return made[-1]

    cluster.gateway.filter("writer", first_one_silent)
    # What the driver itself asks after the login would be met with silence, too.
    connection = connect()
    assert len(made) == 2
    assert executed(connection, "SELECT 1")[-1] == [(1,)]
    assert agent.tracked("unknown") == agent.tracked() == 1
    eventually(lambda: cluster.gateway.links("writer") == 1)
    connection.close()


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
    assert agent.told.metric("aurora.connection.closes") == 0

    cluster.failover("switchover")
    refused = attempt(lambda: write(pool))
    # The pool resets what is returned to it, and finds it lost.
    assert refused.__context__.errno == 1290
    for _ in range(4):
        write(pool)
    assert agent.tracked(cluster.writer) == agent.tracked()
    assert agent.told.metric("aurora.connection.invalidations", invalidation_outcome="closed") == 3
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


def test_a_read_of_ours_leaves_no_transaction_behind(cluster, connect):
    driver = Adapter()
    connection = bare(connect())
    rows = driver.ask(connection, "SELECT COUNT(*), 'x', NULL, 1.5 FROM writes", 5.0)
    assert list(rows[0][1:]) == ["x", None, "1.5"]
    assert not connection.in_transaction
    assert executed(connection, "SELECT @@in_transaction")[-1] == [(0,)]
    connection.close()


def test_a_connection_that_the_application_forgot_is_pruned(agent, cluster, connect):
    connection = connect()
    executed(connection, "SELECT 1")
    assert agent.tracked() == 1
    del connection
    gc.collect()
    eventually(lambda: agent.tracked() == 0)
    reason = "garbage_collected"
    assert agent.told.metric("aurora.connection.prunes", prune_reason=reason) == 1


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream makes its own")
def test_query_spans_are_one_a_call(start, cluster, connect):
    agent = start(query_spans="summary")
    connection = with_items(connect)
    executemany(connection)
    # In a span the driver would pass that on to a server that takes it for one of the values.
    assert prepared(connection) == [[(1,)], [(2,)]]
    spans = [span for span in agent.told.spans() if span.name not in OURS]
    # The pure class asks for the SQL mode of its own accord, inside a call.
    assert [span.name for span in spans] == ["CREATE", "INSERT", "SELECT", "SELECT"]
    assert {span.attributes["db.user"] for span in spans} == {cluster.user}
    assert {span.attributes["db.name"] for span in spans} == {cluster.database}
    connection.close()
