"""What pg8000 can do goes on working, and is watched for symptoms."""

from __future__ import annotations

import io
from pathlib import Path

import pg8000
import pg8000.dbapi
import pg8000.native
import pytest

import aurora_otel
from aurora_otel.drivers.marks import track_of
from tests.behaviour.pg8000_connections import APIS, connect, end, executed, session
from tests.support.sql import attempt
from tests.support.waiting import eventually

OURS = {"track connection", "refresh topology", "failover", "invalidate connections"}
TEXT = 25  # the type's OID


@pytest.fixture(params=APIS)
def api(request):
    return request.param


def executemany(connection):
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO items VALUES (%s)", [["a"], ["b"]])
    return cursor.rowcount


def copied_in(connection):
    executed(connection, "COPY items FROM STDIN", stream=io.BytesIO(b"x\ny\n"))
    return executed(connection, "SELECT x FROM items")


def copied_out(connection):
    stream = io.BytesIO()
    executed(connection, "COPY (SELECT generate_series(1, 3)) TO STDOUT", stream=stream)
    return stream.getvalue()


def prepared(connection):
    statement = connection.prepare("SELECT cast(:x AS text)")
    return statement.run(x="1"), statement.run(x="2"), statement.close()


def two_phases(connection):
    connection.tpc_begin(connection.xid(1, "features", ""))
    executed(connection, "INSERT INTO items VALUES ('x')")
    connection.tpc_rollback()


def autocommitted(connection):
    connection.autocommit = True
    executed(connection, "SELECT 1")
    connection.autocommit = False


def notified(connection):
    connection.run("LISTEN bell")
    connection.run("NOTIFY bell, 'ding'")
    connection.run("SELECT 1")
    return [notification[1:] for notification in connection.notifications]


def converted(connection):
    connection.register_in_adapter(TEXT, lambda value: f"<{value}>")
    return connection.run("SELECT 'x'::text")


CURSORS = {
    "execute": lambda c: executed(c, "SELECT 1, 'x'"),
    "parameters": lambda c: executed(c, "SELECT %s::int", (1,)),
    "executemany": executemany,
    "callproc": lambda c: c.cursor().callproc("no_such_procedure", (1,)),
    "copy in": copied_in,
    "copy out": copied_out,
    "autocommit": autocommitted,
    "commit": lambda c: (executed(c, "SELECT 1"), c.commit())[1],
    "rollback": lambda c: (executed(c, "SELECT 1"), c.rollback())[1],
    "syntax error": lambda c: executed(c, "SELEC"),
    "after an error": lambda c: (attempt(lambda: executed(c, "SELEC")), executed(c, "SELECT 1")),
    "two phases": two_phases,
    "block": lambda c: c.__enter__() is c,
}
RUN = {
    "run": lambda c: c.run("SELECT 1, 'x'"),
    "run with parameters": lambda c: c.run("SELECT cast(:x AS text)", x="1"),
    "prepare": prepared,
    "notifications": notified,
    "adapter": converted,
}
FEATURES = {
    "dbapi": CURSORS,
    # The old one has no callproc.
    "legacy": {name: CURSORS[name] for name in CURSORS if name != "callproc"} | RUN,
    "native": RUN,
}
OFF_THE_NETWORK = {"block"}


def with_items(cluster, api, **others):
    connection = connect(cluster, api, **others)
    connection.execute_simple("CREATE TEMPORARY TABLE items (x text)")
    return connection


def outcome(connection, feature):
    results = []
    error = attempt(lambda: results.append(feature(connection)))
    status = connection._transaction_status
    connection.execute_simple("ROLLBACK")
    return results, type(error), str(error), status


def test_every_feature_does_what_it_does_without_the_agent(start, cluster, api):
    plain = with_items(cluster, api)
    start()
    ours = with_items(cluster, api)
    for name, feature in FEATURES[api].items():
        assert outcome(ours, feature) == outcome(plain, feature), name
    for connection in (plain, ours):
        connection.close()
        closed = pytest.raises(pg8000.native.InterfaceError, match="connection is closed")
        with closed:
            connection.execute_simple("SELECT 1")
        with closed:
            connection.close()


def test_a_fresh_connection_is_as_the_driver_made_it(start, cluster, api):
    def state(connection):
        own = {"_sock", "_usock", "_backend_key_data", "message_types", "auth", "_run_cursor"}
        seen = {
            name: value
            for name, value in vars(connection).items()
            if name not in own and not name.startswith("_aurora_otel")
        }
        return type(connection), seen, connection._usock.gettimeout()

    plain = connect(cluster, api, timeout=17)
    agent = start()
    ours = connect(cluster, api, timeout=17)
    assert state(ours) == state(plain)
    assert agent.tracked(cluster.writer) == 1
    ours.close()
    plain.close()


@pytest.mark.parametrize(
    ("api", "name"),
    [("dbapi", name) for name in CURSORS if name not in OFF_THE_NETWORK]
    + [("native", name) for name in RUN],
)
def test_every_feature_shows_a_lost_connection(start, cluster, api, name):
    agent = start(prune_interval=60)  # so that no round finds it first
    connection = connect(cluster, api)
    end(cluster, connection)
    error = attempt(lambda: FEATURES[api][name](connection))
    assert isinstance(error, pg8000.native.InterfaceError)
    assert aurora_otel.snapshot().clusters[0].window_open
    eventually(lambda: agent.exported.spans("refresh topology"))
    attempt(connection.close)


@pytest.mark.parametrize("call", ["commit", "rollback"])
def test_the_end_of_a_transaction_shows_a_lost_connection(start, cluster, call):
    start(prune_interval=60)
    connection = connect(cluster)
    executed(connection, "SELECT 1")
    end(cluster, connection)
    assert isinstance(attempt(getattr(connection, call)), pg8000.dbapi.InterfaceError)
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    attempt(connection.close)


def test_an_idle_timeout_that_pg8000_forgets_is_no_symptom(start, cluster, api):
    start(prune_interval=60)
    connection = connect(cluster, api)
    backend = Path("/proc", str(session(connection)))
    connection.execute_simple("SET idle_session_timeout = 1")
    # Before its end the statement might reach it: the error that it sent would be lost.
    eventually(lambda: not backend.exists())
    error = attempt(lambda: connection.execute_simple("SELECT 1"))
    assert error.args == ("network error",)
    assert not aurora_otel.snapshot().clusters[0].window_open
    attempt(connection.close)


def test_a_call_that_the_applications_own_time_out_ends_is_a_symptom(start, cluster):
    start(prune_interval=60)
    connection = connect(cluster, timeout=0.2)
    error = attempt(lambda: connection.execute_simple("SELECT pg_sleep(30)"))
    # Earlier versions say "network error".
    assert isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError)
    assert aurora_otel.snapshot().clusters[0].window_open
    attempt(connection.close)


def test_query_spans_are_one_a_call(start, cluster, recwarn):
    agent = start(query_spans="summary")
    connection = with_items(cluster, "dbapi")
    executemany(connection)
    connection.commit()
    native = connect(cluster, "native")
    native.run("SELECT 1")
    spans = [span for span in agent.exported.spans() if span.name not in OURS]
    assert [span.name for span in spans] == ["INSERT", "SELECT"]
    assert {span.attributes["db.namespace"] for span in spans} == {"app"}
    # Their `cursor.connection` would warn. What others left is collected at any time.
    warned = [warning.message for warning in recwarn if warning.category is not ResourceWarning]
    assert warned == []
    connection.close()
    native.close()


def test_an_interrupt_during_a_query_is_the_applications(agent, cluster, interrupt_soon):
    connection = connect(cluster)
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        executed(connection, "SELECT pg_sleep(30)")
    assert track_of(connection).in_flight_since == 0.0
    assert not aurora_otel.snapshot().clusters[0].window_open
    connection.close()
