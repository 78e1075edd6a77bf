"""What mysqlclient can do goes on working, and is watched for symptoms."""

from __future__ import annotations

import gc
import signal
import threading

import MySQLdb
import pytest
from MySQLdb.connections import Connection
from MySQLdb.cursors import DictCursor, SSCursor, SSDictCursor

import aurora_otel
from aurora_otel.drivers.libmariadb import Parameters
from aurora_otel.drivers.mysqlclient import Adapter
from aurora_otel.drivers.protocol import Login
from aurora_otel.lab import Action
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
from tests.behaviour.sql import Call, attempt
from tests.behaviour.test_silent_servers import Transparent
from tests.conftest import UPSTREAM, eventually

OURS = {"track connection", "refresh topology", "failover", "invalidate connections"}
ROWS = "SELECT seq FROM seq_1_to_5"
MANY_ROWS = "SELECT seq, REPEAT('x', 1000) FROM seq_1_to_200000"


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


@pytest.fixture
def agent(start, cluster):
    return start(writer_endpoints=writer_endpoint(cluster))


def connect(cluster, target="writer", **others):
    return MySQLdb.connect(**{**arguments(cluster, target), **others})


def row_by_row(connection):
    cursor = connection.cursor(SSCursor)
    cursor.execute(ROWS)
    return cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall(), cursor.rowcount


def abandoned(connection):
    cursor = connection.cursor(SSDictCursor)
    cursor.execute(ROWS)
    cursor.fetchone()
    cursor.close()
    return executed(connection, "SELECT 'next'")


def several_statements(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT 1; SELECT 2")
    return cursor.fetchall(), cursor.nextset(), cursor.fetchall(), cursor.nextset()


def below_the_cursors(connection):
    connection.query("SELECT 1, 'x'")
    return connection.store_result().fetch_row(0)


def in_two_steps(connection):
    connection.send_query(b"SELECT 1")
    connection.read_query_result()
    return connection.use_result().fetch_row(0)


FEATURES = {
    **COMMON,
    "row by row": row_by_row,
    "abandoned": abandoned,
    "several statements": several_statements,
    "below the cursors": below_the_cursors,
    "in two steps": in_two_steps,
    "dictionaries": lambda c: executed(c, "SELECT 1 AS a, 'x' AS b", cursor=DictCursor),
    "literal": lambda c: c.literal(["a", 1, None]),
    "statistics": lambda c: c.stat()[:7],
    "kill nobody": lambda c: c.kill(999_999_999),
}
# The server's statistics show no error; the rest is done without it.
WITHOUT_ERRORS = {"block", "literal", "statistics"}


def with_items(cluster, **others):
    connection = connect(cluster, **others)
    executed(connection, ITEMS)
    return connection


def outcome(connection, feature):
    results = []
    error = attempt(lambda: results.append(feature(connection)))
    in_transaction = executed(connection, "SELECT @@in_transaction")[-1]
    connection.rollback()
    return seen((results, type(error), error, in_transaction, connection.get_autocommit()))


@pytest.mark.filterwarnings("ignore:(kill|shutdown):DeprecationWarning")
def test_every_feature_does_what_it_does_without_us(start, cluster):
    plain = with_items(cluster)
    start()
    ours = with_items(cluster)
    for name, feature in FEATURES.items():
        assert outcome(ours, feature) == outcome(plain, feature), name
    for connection in (plain, ours):
        connection.close()
        assert attempt(lambda c=connection: executed(c, "SELECT 1")).args == (2006, "")
        assert attempt(connection.close).args == (2006, "")
    assert not aurora_otel.snapshot().clusters[0].window_open


@pytest.mark.parametrize("autocommit", [True, False, None])
def test_a_fresh_connection_is_as_the_driver_made_it(start, cluster, autocommit):
    def state(connection):
        attributes = {
            name: each
            for name, each in vars(connection).items()
            if not name.startswith("_aurora_otel")
        }
        of_statement = connection.insert_id(), connection.info(), connection.errno()
        statement = "SELECT @@in_transaction, @@warning_count, LAST_INSERT_ID()"
        return attributes, of_statement, executed(connection, statement)[-1]

    plain = bare(connect(cluster, autocommit=autocommit))
    agent = start(writer_endpoints=writer_endpoint(cluster))
    ours = bare(connect(cluster, autocommit=autocommit))
    assert agent.tracked(cluster.writer) == 1
    assert type(ours) is type(plain)
    assert state(ours) == state(plain)
    ours.close()
    plain.close()


@pytest.mark.parametrize("name", sorted(FEATURES.keys() - WITHOUT_ERRORS))
def test_every_feature_shows_a_lost_connection(start, cluster, name):
    agent = start(prune_interval=60)  # so that no round finds it first
    connection = connect(cluster)
    end(cluster, connection)
    assert isinstance(attempt(lambda: FEATURES[name](connection)), MySQLdb.Error)
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    eventually(lambda: agent.told.spans("refresh topology"))
    connection.close()


@pytest.mark.parametrize("fetch", ["fetchone", "fetchmany", "fetchall"])
def test_rows_that_come_one_by_one_show_a_lost_connection(start, cluster, fetch):
    start(prune_interval=60)
    connection = connect(cluster)
    cursor = connection.cursor(SSCursor)
    cursor.execute(MANY_ROWS)
    end(cluster, connection)

    def exhaust():
        while getattr(cursor, fetch)():
            pass

    assert isinstance(attempt(exhaust), MySQLdb.OperationalError)
    assert aurora_otel.snapshot().clusters[0].window_open
    connection.close()


@pytest.mark.filterwarnings("ignore:The reconnect parameter:DeprecationWarning")
@pytest.mark.parametrize("again", ["ping", "query"])
def test_a_connection_that_libmariadb_makes_anew_is_another_one(start, cluster, again):
    agent = start(writer_endpoints=writer_endpoint(cluster), prune_interval=60)
    connection = connect(cluster)
    connection.ping(True)  # noqa: FBT003 - has no name
    first, session = connection._aurora_otel, connection.thread_id()
    end(cluster, connection)
    if again == "ping":
        connection.ping(True)  # noqa: FBT003 - as above
    else:
        # Only what could not even be sent makes libmariadb connect again.
        eventually(lambda: attempt(lambda: connection.query("SELECT 1")) is None)
        assert connection.store_result().fetch_row(0) == ((1,),)
    assert connection.thread_id() != session
    assert first.closed
    assert connection._aurora_otel is not first
    assert agent.tracked() == 1
    # Inside a result nothing can be asked.
    assert agent.tracked(cluster.writer if again == "ping" else "unknown") == 1
    assert agent.told.metric("aurora.connection.opens") == 2
    eventually(lambda: agent.told.spans("refresh topology"))  # a symptom was seen
    connection.close()
    assert agent.tracked() == 0
    assert isinstance(attempt(lambda: connection.query("SELECT 1")), MySQLdb.OperationalError)


def test_a_connection_that_libmariadb_may_make_anew_can_be_forgotten(agent, cluster, recwarn):
    connection = connect(cluster)
    connection.ping(True)  # noqa: FBT003 - has no name
    connection.query("SELECT 1")
    connection.store_result()
    gc.disable()
    try:
        del connection
        eventually(lambda: agent.tracked() == 0)
    finally:
        gc.enable()


def test_a_connection_that_is_inside_a_call_is_not_taken_for_closed(start, cluster):
    agent = start(prune_interval=0.05)
    connection = connect(cluster)
    # From another thread, mysqlclient answers no question about it now.
    call = Call(lambda: executed(connection, "SELECT SLEEP(1)"))
    while not call.is_over:
        assert agent.tracked() == 1
    assert call.outcome() is None
    connection.close()
    assert agent.told.metric("aurora.connection.prunes") == 0
    assert agent.told.metric("aurora.connection.closes") == 1


def test_a_misrouted_connection_is_replaced_under_its_object(start, cluster):
    agent = start(writer_endpoints=writer_endpoint(cluster))
    held = connect(cluster)
    old = cluster.writer
    cluster.dns_lag = 0.4
    cluster.failover("switchover")
    connection = connect(cluster)
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == ((cluster.writer,),)
    assert agent.tracked(cluster.writer) == agent.tracked() == 1
    assert agent.told.metric("aurora.connection.misroutes", instance_id=old) >= 1
    statement = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s"
    eventually(lambda: cluster.execute(old, statement, cluster.user) == [(0,)])
    for each in (held, connection):
        each.close()


class Hang:
    """Lets nothing pass."""

    def from_client(self, data: bytes) -> Action:
        return Action()

    def from_server(self, data: bytes) -> Action:
        return Action()


def test_a_misrouted_connection_that_cannot_be_replaced_is_handed_over(start, cluster):
    agent = start(writer_endpoints=writer_endpoint(cluster))
    held = connect(cluster)
    old = cluster.writer
    made = []

    def only_the_first():
        made.append(Transparent() if not made else Hang())
        return made[-1]

    cluster.dns_lag = 30
    cluster.failover("switchover")
    cluster.gateway.filter("writer", only_the_first)
    connection = connect(cluster, connect_timeout=1)
    assert len(made) >= 2
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == ((old,),)
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


class Own(Connection):
    """An application's own class."""

    def __init__(self, *args, **kwargs):
        self.before = True
        super().__init__(*args, **kwargs)
        self.after = True


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream's proxies are no instances of them")
def test_the_applications_own_classes_are_its_own(agent, cluster):
    own = Own(**arguments(cluster))
    rows = connect(cluster, cursorclass=SSDictCursor)
    assert (type(own), own.before, own.after) == (Own, True, True)
    assert type(rows.cursor()) is SSDictCursor
    assert executed(rows, "SELECT 1 AS x")[-1] == ({"x": 1},)
    assert agent.tracked(cluster.writer) == 2
    for connection in (own, rows):
        connection.close()
    assert agent.tracked() == 0


def test_an_option_file_tells_where_a_connection_goes(agent, cluster, tmp_path):
    host, port = cluster.address(cluster.writer)
    options = tmp_path / "options"
    options.write_text(
        f"[client]\nhost={host}\nport={port}\nuser={cluster.user}\npassword={cluster.password}\n"
    )
    connection = MySQLdb.connect(read_default_file=str(options))
    assert agent.tracked(cluster.writer) == 1
    end(cluster, connection)
    assert attempt(lambda: connection.query("SELECT 1")) is not None
    # Our own connection reads the file, too.
    (looked,) = agent.told.spans("refresh topology")
    assert looked.attributes["aurora.topology.confirmed"]
    connection.close()


@pytest.mark.parametrize("autocommit", [True, False, None])
def test_our_own_connection_opens_whatever_the_applications_autocommit_is(
    start, cluster, autocommit
):
    agent = start(prune_interval=60)
    connection = connect(cluster, autocommit=autocommit)
    end(cluster, connection)
    assert attempt(lambda: connection.query("SELECT 1")) is not None
    looked = agent.told.spans("refresh topology")[-1]
    assert looked.attributes["aurora.topology.confirmed"]
    connection.close()


def test_a_long_name_is_not_the_name_that_libmariadb_cuts_off():
    """Its host information has 64 characters, and RDS's names may have more."""
    name = f"{'x' * 63}.cluster-abcdefghijkl.eu-central-1.rds.amazonaws.com"
    shown = Stand(f"{name[:64]} via TCP/IP", {"host": name})
    assert Adapter().address(shown) == (name, 3306)
    assert Adapter().address(Stand("short via TCP/IP", {})) == ("short", 3306)
    assert Adapter().address(Stand("x via UNIX socket", {"unix_socket": "/s"})) == ("/s", 3306)


class Stand:
    """Shows what a connection to a name that nothing resolves here would show."""

    port = 3306

    def __init__(self, shown, arguments):
        self.get_host_info = lambda: shown
        self._aurora_otel_login = Login(Parameters(arguments))


def test_what_is_asked_is_text_whatever_the_application_converts(cluster):
    driver = Adapter()
    for others in ({}, {"use_unicode": False, "charset": "gbk"}):
        connection = connect(cluster, **others)
        rows = driver.ask(connection, "SELECT 1, 'x', NULL, 1.5", 5.0)
        assert [list(row) for row in rows] == [["1", "x", None, "1.5"]]
        connection.close()


def test_a_connection_that_dies_of_what_is_asked_is_not_handed_over(cluster):
    driver = Adapter()
    connection = connect(cluster)
    end(cluster, connection)
    assert isinstance(attempt(lambda: driver.ask(connection, "SELECT 1", 5.0)), MySQLdb.Error)
    assert driver.is_closed(connection)


def test_what_we_ask_is_never_taken_for_an_answer_to_the_application(cluster, request):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    driver = Adapter()
    refused, interrupted = connect(cluster), connect(cluster)
    with pytest.raises(MySQLdb.OperationalError, match="nonsense"):
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


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream makes its own")
def test_query_spans_are_one_a_call(start, cluster):
    agent = start(query_spans="summary")
    connection = with_items(cluster)
    COMMON["executemany"](connection)
    spans = [span for span in agent.told.spans() if span.name not in OURS]
    assert [span.name for span in spans] == ["CREATE", "INSERT"]
    # Older ones do not show it.
    shown = getattr(connection, "database", None)
    assert {span.attributes.get("db.name") for span in spans} == {shown}
    connection.close()
