"""What only mariadb can do goes on working, and is watched for symptoms."""

from __future__ import annotations

from types import SimpleNamespace

import mariadb
import pytest
from mariadb.constants import FIELD_TYPE, STATUS

import aurora_otel
from aurora_otel.drivers.mariadb import Adapter
from aurora_otel.drivers.marks import track_of
from aurora_otel.model.symptoms import Symptom
from aurora_otel.runtime.effects import Reconnect
from tests.support.drivers.mariadb_features import executed
from tests.support.drivers.mysql_features import MARIADB
from tests.support.hang_ups import await_hang_up
from tests.support.mysql import arguments, writer_endpoint
from tests.support.sql import Call, attempt
from tests.support.waiting import eventually

MANY_ROWS = "SELECT seq, REPEAT('x', 1000) FROM seq_1_to_20000"
connect, end = MARIADB.connect, MARIADB.end


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


@pytest.fixture
def agent(start, cluster):
    return start(writer_endpoints=writer_endpoint(cluster))


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_fresh_connection_is_as_the_driver_made_it(start, cluster, autocommit):
    def state(connection):
        attributes = {
            name: each
            for name, each in vars(connection).items()
            if not name.startswith("_aurora_otel")
        }
        names = "warnings", "autocommit", "auto_reconnect", "tpc_state"
        shown = [getattr(connection, name) for name in names]
        # The others are the last statement's.
        shown.append(connection.server_status & (STATUS.IN_TRANS | STATUS.AUTOCOMMIT))
        statement = "SELECT @@in_transaction, @@warning_count, LAST_INSERT_ID(), @@autocommit"
        return attributes, shown, connection._converter, executed(connection, statement)

    converter = {FIELD_TYPE.LONGLONG: lambda _: "converted"}
    plain = connect(cluster, autocommit=autocommit, converter=converter)
    agent = start(writer_endpoints=writer_endpoint(cluster))
    ours = connect(cluster, autocommit=autocommit, converter=converter)
    assert agent.tracked(cluster.writer) == 1
    assert type(ours) is type(plain)
    found = state(ours)
    assert found == state(plain)
    assert "converted" in repr(found)
    for connection in (ours, plain):
        connection.close()


@pytest.mark.parametrize("name", ["reset", "change_user", "tpc_rollback", "kill"])
def test_other_calls_show_a_lost_connection(start, cluster, name):
    start(prune_interval=60)
    connection = connect(cluster)
    connection.tpc_begin(connection.xid(1, "a", "b"))
    end(cluster, connection)
    calls = {
        "change_user": lambda: connection.change_user(cluster.user, "", None),
        "kill": lambda: connection.kill(999_999_999),
    }
    assert isinstance(attempt(calls.get(name, getattr(connection, name))), mariadb.Error)
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    connection.close()


class Hooks:
    """Hooks that only remember."""

    def __init__(self):
        self.failures = []

    def opened(self, driver, opening):
        calm = SimpleNamespace(alert=False)
        track = SimpleNamespace(cluster=calm, in_flight_since=0.0, closed=False)
        driver.mark(opening.connection, track)
        return opening.connection

    def connect_steps(self, driver, attempt):
        connection = yield Reconnect(attempt.connect)
        return self.opened(driver, attempt.opening(connection))

    def failed(self, track, failure_of, error=None):
        self.failures.append(failure_of())

    def closed(self, track):
        track.closed = True

    def guarded(self, question, *args):
        return question(*args)


@pytest.mark.parametrize("fetch", ["fetchone", "fetchmany", "fetchall"])
def test_rows_that_come_one_by_one_show_a_lost_connection(cluster, fetch):
    # From the server itself, past the gateway: the driver reads with the interpreter's lock held,
    # and so would wait for ever for a gateway in the same process.
    host, port = cluster.plain_address(cluster.writer)
    hooks = Hooks()
    undo = Adapter().install(mariadb, hooks, None)
    try:
        connection = connect(cluster, host=host, port=port)
        cursor = connection.cursor(buffered=False)
        cursor.execute(MANY_ROWS)
        end(cluster, connection)
        rows = 0
        while found := getattr(cursor, fetch)():
            rows += 1 if fetch == "fetchone" else len(found)
        # Without the agent, too: the driver takes it for the end of the result.
        assert rows < 20_000
        assert hooks.failures[0].symptom is Symptom.CONNECTION_LOST
        connection.close()
    finally:
        undo()


def test_a_connection_that_connects_again_is_another_one(start, cluster):
    agent = start(writer_endpoints=writer_endpoint(cluster), prune_interval=60)
    connection = connect(cluster)
    executed(connection, "SELECT 1")
    connection.rollback()
    first = track_of(connection)
    cluster.failover("crash")
    eventually(lambda: attempt(connection.reconnect) is None)
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == [(cluster.writer,)]
    assert first.closed
    assert agent.tracked(cluster.writer) == agent.tracked() == 1
    assert agent.exported.metric("aurora.connection.opens") == 2
    eventually(lambda: agent.exported.metric("aurora.failovers") == 1)  # a symptom was seen
    connection.close()
    assert agent.tracked() == 0


@pytest.mark.parametrize("call", ["ping", "commit", "execute", "row by row"])
def test_a_connection_that_connects_again_by_itself_is_another_one(start, cluster, call):
    agent = start(writer_endpoints=writer_endpoint(cluster), prune_interval=60)
    connection = connect(cluster, reconnect=True)
    cursor = connection.cursor(buffered=False)
    first, session = track_of(connection), connection.connection_id
    end(cluster, connection)
    # The library checks the socket before it sends; what it has sent, it sends no second time.
    await_hang_up(connection)
    {
        "ping": connection.ping,
        "commit": connection.commit,
        "execute": lambda: connection.cursor().execute("SELECT 1"),
        "row by row": lambda: cursor.execute("SELECT seq FROM seq_1_to_9"),
    }[call]()
    assert connection.connection_id != session
    assert first.closed
    assert track_of(connection).socket != first.socket
    # In the middle of a result it cannot be asked where it is.
    known = "unknown" if call == "row by row" else cluster.writer
    assert agent.tracked(known) == agent.tracked() == 1
    assert aurora_otel.snapshot().clusters[0].window_open
    cursor.close()
    assert executed(connection, "SELECT 1")[-1] == [(1,)]
    connection.close()
    assert agent.tracked() == 0


def test_one_that_connects_again_by_itself_goes_on_with_the_new_writer(agent, cluster):
    connection = connect(cluster, reconnect=True, autocommit=True)
    cluster.failover("switchover")

    def insert():
        connection.cursor().execute("INSERT INTO writes (x) VALUES ('again')")

    assert attempt(insert).errno == 1290
    insert()
    assert agent.tracked(cluster.writer) == agent.tracked() == 1
    connection.close()


def test_the_drivers_own_pool_goes_on_with_the_new_writer(start, cluster):
    agent = start(writer_endpoints=writer_endpoint(cluster))
    pool = mariadb.ConnectionPool(
        pool_name="pool", pool_size=3, pool_validation_interval=0, **arguments(cluster)
    )
    assert agent.tracked(cluster.writer) == 3
    pool.get_connection().close()
    assert agent.tracked(cluster.writer) == 3
    assert agent.exported.metric("aurora.connection.closes") == 0

    cluster.failover("switchover")
    assert attempt(lambda: write(pool)).errno == 1290
    for _ in range(4):
        write(pool)
    assert (
        agent.exported.metric("aurora.connection.invalidations", invalidation_outcome="closed") == 3
    )
    assert agent.tracked(cluster.writer) == agent.tracked() > 0
    pool.close()
    assert agent.tracked() == 0


def write(pool):
    connection = pool.get_connection()
    try:
        executed(connection, "INSERT INTO writes (x) VALUES ('pooled')")
        connection.commit()
    finally:
        connection.close()


class Own(mariadb.Connection):
    """An application's own class."""

    def commit(self):
        self.commits = getattr(self, "commits", 0) + 1
        super().commit()


def test_the_applications_own_classes_are_its_own(agent, cluster):
    own = mariadb.connect(connectionclass=Own, **arguments(cluster))
    own.commit()
    assert (type(own), own.commits) == (Own, 1)
    by_position = mariadb.connect(
        None,
        *(arguments(cluster)[name] for name in ("host", "user")),
        password=cluster.password,
        port=own.server_port,
    )
    assert agent.tracked(cluster.writer) == 2
    for connection in (own, by_position):
        connection.close()
    assert agent.tracked() == 0


def test_the_socket_stays_the_drivers(agent, cluster):
    connection = connect(cluster)
    executed(connection, "SELECT 1")
    assert connection._socket is None
    connection.close()


def test_an_invalidation_during_a_call_ends_it_and_leaves_the_process_alive(start, cluster):
    start(writer_endpoints=writer_endpoint(cluster))
    busy, other = connect(cluster), connect(cluster)
    call = Call(lambda: executed(busy, "SELECT SLEEP(60)"))
    eventually(lambda: track_of(busy).in_flight_since)
    cluster.failover("switchover")
    attempt(lambda: executed(other, "INSERT INTO writes (x) VALUES ('x')"))
    assert call.outcome().errno == 2013
    for connection in (busy, other):
        connection.close()


def test_a_read_of_the_agent_leaves_nothing_behind(cluster):
    driver = Adapter()
    connection = connect(cluster, converter={FIELD_TYPE.LONGLONG: lambda _: "converted"})
    rows = driver.ask(connection, "SELECT COUNT(*), 'x', NULL, 1.5 FROM writes", 5.0)
    assert rows[0][0].isdecimal()
    assert rows[0][1:] == ["x", None, "1.5"]
    assert connection._last_executed_statement is None
    connection._converter = None
    assert executed(connection, "SELECT @@in_transaction")[-1] == [(0,)]
    connection.close()
