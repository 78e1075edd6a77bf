"""What psycopg2 can do goes on working, and is watched for symptoms."""

from __future__ import annotations

import io
import logging

import psycopg2
import psycopg2.extras
import pytest
from psycopg2 import extensions, extras
from psycopg2 import sql as composed

import aurora_otel
from tests.support.sql import attempt, pid, run
from tests.support.upstream import UPSTREAM
from tests.support.waiting import eventually

extras_logger = logging.getLogger("tests.behaviour.psycopg2")


def executemany(connection):
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO pg_temp.items VALUES (%s)", [["a"], ["b"]])
    return cursor.rowcount


def callproc(connection):
    cursor = connection.cursor()
    cursor.callproc("lower", ["X"])
    return cursor.fetchall()


def copy_from(connection):
    cursor = connection.cursor()
    cursor.copy_from(io.StringIO("copied\n"), "items")
    return cursor.rowcount


def copy_to(connection):
    target = io.StringIO()
    connection.cursor().copy_to(target, "items")
    return target.getvalue()


def copy_expert(connection):
    target = io.StringIO()
    connection.cursor().copy_expert("COPY (SELECT generate_series(1, 3)) TO STDOUT", target)
    return target.getvalue()


def server_side(connection):
    with connection.cursor("named") as cursor:
        cursor.execute("SELECT generate_series(1, 10)")
        found = cursor.fetchmany(3), cursor.fetchone(), next(cursor)
        cursor.scroll(1)
        return found, cursor.fetchall()


def execute_values(connection):
    cursor = connection.cursor()
    statement = "INSERT INTO pg_temp.items VALUES %s RETURNING x"
    return extras.execute_values(cursor, statement, [("a",), ("b",)], fetch=True)


def execute_batch(connection):
    cursor = connection.cursor()
    return extras.execute_batch(cursor, "INSERT INTO pg_temp.items VALUES (%s)", [["a"], ["b"]])


def jsonb(connection):
    extras.register_default_jsonb(connection, loads=lambda text: ["loaded", text])
    return run(connection, "SELECT '{}'::jsonb")


def composite(connection):
    run(connection, "CREATE TYPE pg_temp.pair AS (a int, b text)")
    registered = extras.register_composite("pair", connection.cursor())
    found = run(connection, "SELECT (1, 'x')::pg_temp.pair")[0][0]
    return registered.name, found.a, found.b


def quoting(connection):
    statement = composed.SQL("SELECT {}").format(composed.Identifier("x")).as_string(connection)
    quoted = extensions.adapt("it's")
    quoted.prepare(connection)
    return statement, quoted.getquoted(), extensions.quote_ident("a b", connection)


def large_object(connection):
    made = connection.lobject()
    made.write("text")
    made.seek(0)
    return made.read()


def factories(connection):
    found = []
    for factory in (extras.DictCursor, extras.RealDictCursor, extras.NamedTupleCursor):
        with connection.cursor(cursor_factory=factory) as cursor:
            assert isinstance(cursor, factory)
            cursor.execute("SELECT 1 AS x")
            found.append(str(cursor.fetchone()))
    return found


def session(connection):
    connection.set_session(isolation_level="SERIALIZABLE", readonly=True)
    found = (
        run(connection, "SHOW transaction_isolation"),
        run(connection, "SHOW transaction_read_only"),
    )
    connection.rollback()
    connection.set_session(isolation_level="DEFAULT", readonly=False)
    return found


FEATURES = {
    "execute": lambda c: run(c, "SELECT 1, %s", "x"),
    "executemany": executemany,
    "callproc": callproc,
    "copy_from": copy_from,
    "copy_to": copy_to,
    "copy_expert": copy_expert,
    "server-side": server_side,
    "execute_values": execute_values,
    "execute_batch": execute_batch,
    "jsonb": jsonb,
    "composite": composite,
    "quoting": quoting,
    "lobject": large_object,
    "factories": factories,
    "session": session,
    "block": lambda c: c.__enter__().__exit__(None, None, None),
    "syntax error": lambda c: run(c, "SELEC"),
    "no results": lambda c: c.cursor().fetchone(),
    "wrong argument": lambda c: c.cursor().execute("SELECT %s"),
}  # fmt: skip
ON_THE_NETWORK = (
    "execute", "executemany", "callproc", "copy_from", "copy_to", "copy_expert", "server-side",
    "execute_values", "execute_batch", "lobject", "factories", "syntax error",
)  # fmt: skip


def outcome(connection, feature) -> tuple[object, ...]:
    run(connection, "CREATE TEMPORARY TABLE IF NOT EXISTS items (x text)")
    connection.commit()
    results = []
    error = attempt(lambda: results.append(feature(connection)))
    status = connection.info.transaction_status
    connection.rollback()
    return results, type(error), str(error), getattr(error, "pgcode", None), status


def test_every_feature_does_what_it_does_without_the_agent(start, cluster):
    plain = psycopg2.connect(cluster.dsn("writer"))
    start()
    ours = psycopg2.connect(cluster.dsn("writer"))
    for name, feature in FEATURES.items():
        assert outcome(ours, feature) == outcome(plain, feature), name
    for connection in (plain, ours):
        connection.close()
        assert str(attempt(connection.cursor)) == "connection already closed"


@pytest.mark.parametrize("name", ON_THE_NETWORK)
def test_every_feature_shows_a_lost_connection(start, cluster, name):
    agent = start(prune_interval=60)  # so that no round finds it first
    connection = psycopg2.connect(cluster.dsn("writer"))
    run(connection, "CREATE TEMPORARY TABLE items (x text)")
    connection.commit()
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int)", pid(connection))
    assert isinstance(attempt(lambda: FEATURES[name](connection)), psycopg2.Error)
    assert aurora_otel.snapshot().clusters[0].window_open
    eventually(lambda: agent.exported.spans("refresh topology"))
    connection.close()


@pytest.mark.parametrize("call", ["commit", "rollback", "reset"])
def test_the_end_of_a_transaction_shows_a_lost_connection(start, cluster, call):
    start(prune_interval=60)
    connection = psycopg2.connect(cluster.dsn("writer"))
    run(connection, "SELECT 1")
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int)", pid(connection))
    assert isinstance(attempt(getattr(connection, call)), psycopg2.Error)
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    connection.close()


class Own(extensions.connection):
    """An application's own class, with cursors of its own choice."""

    def cursor(self, *args, **kwargs):
        kwargs.setdefault("cursor_factory", extras.RealDictCursor)
        return super().cursor(*args, **kwargs)


@pytest.mark.skipif(
    bool(UPSTREAM), reason="upstream's cursors stand in the place of the connection class's own"
)
@pytest.mark.parametrize(
    ("factory", "row"),
    [
        (Own, {"x": 1}),
        (extras.DictConnection, [1]),
        (extras.RealDictConnection, {"x": 1}),
        (extras.NamedTupleConnection, (1,)),
    ],
)
def test_a_connection_factory_of_the_application_is_used(start, cluster, factory, row):
    agent = start(prune_interval=60)
    connection = psycopg2.connect(cluster.dsn("writer"), connection_factory=factory)
    assert isinstance(connection, factory)
    assert connection.__class__.__name__ == factory.__name__
    assert agent.tracked(cluster.writer) == 1
    cursor = connection.cursor()
    cursor.execute("SELECT 1 AS x")
    assert cursor.fetchone() == row
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int)", pid(connection))
    assert attempt(lambda: cursor.execute("SELECT 1")) is not None
    assert aurora_otel.snapshot().clusters[0].window_open
    connection.close()
    assert agent.tracked() == 0


@pytest.mark.skipif(
    bool(UPSTREAM), reason="upstream's cursors stand in the place of the connection class's own"
)
def test_a_logging_connection_goes_on_logging(agent, cluster, caplog):
    connection = psycopg2.connect(
        cluster.dsn("writer"), connection_factory=extras.LoggingConnection
    )
    connection.initialize(extras_logger)
    with caplog.at_level(logging.DEBUG, extras_logger.name):
        run(connection, "SELECT 'logged'")
    assert "SELECT 'logged'" in caplog.text
    assert isinstance(connection.cursor(), extras.LoggingCursor)
    connection.close()


def test_a_factory_that_is_a_function_is_called(agent, cluster):
    made = []

    def factory(dsn, async_=0):
        made.append(Own(dsn, async_=async_))
        return made[-1]

    connection = psycopg2.connect(cluster.dsn("writer"), connection_factory=factory)
    assert made == [connection]
    assert isinstance(connection, Own)
    assert run(connection, "SELECT 1 AS x") == [{"x": 1}]
    assert agent.tracked(cluster.writer) == 1
    made.clear()
    connection.close()
    assert agent.tracked() == 0


def test_a_cursor_factory_of_the_application_is_used(agent, cluster):
    dsn = cluster.dsn("writer")
    connection = psycopg2.connect(dsn, cursor_factory=extras.RealDictCursor)
    assert isinstance(connection.cursor(), extras.RealDictCursor)
    assert run(connection, "SELECT 1 AS x") == [{"x": 1}]
    assert isinstance(connection.cursor("named"), extras.RealDictCursor)
    connection.cursor_factory = extras.NamedTupleCursor
    assert run(connection, "SELECT 1 AS x")[0].x == 1
    connection.close()


def test_an_asynchronous_connection_is_tracked_and_asked_nothing(agent, cluster):
    connection = psycopg2.connect(cluster.dsn("writer"), async_=1)
    extras.wait_select(connection)
    cursor = connection.cursor()
    cursor.execute("SELECT current_setting('cluster_name')")
    extras.wait_select(connection)
    assert cursor.fetchall() == [(cluster.writer,)]
    assert agent.tracked("unknown") == agent.tracked() == 1
    connection.close()
    assert agent.tracked() == 0


@pytest.mark.skipif(
    bool(UPSTREAM), reason="upstream's cursors stand in the place of the connection class's own"
)
def test_a_replication_connection_is_asked_nothing(agent, cluster):
    host, port = cluster.address(cluster.writer)
    cluster.execute(cluster.writer, "ALTER ROLE app REPLICATION")
    try:
        for factory in (extras.LogicalReplicationConnection, extras.PhysicalReplicationConnection):
            connection = psycopg2.connect(
                cluster.dsn("writer", host=host, port=port), connection_factory=factory
            )
            assert isinstance(connection, factory)
            cursor = connection.cursor()
            assert isinstance(cursor, extras.ReplicationCursor)
            cursor.execute("IDENTIFY_SYSTEM")
            assert cursor.fetchone()
            connection.close()
    finally:
        cluster.execute(cluster.writer, "ALTER ROLE app NOREPLICATION")
    assert agent.tracked() == 0
    assert agent.exported.metric("aurora.connection.opens") == 2


def test_a_wait_callback_of_the_application_is_used(agent, cluster):
    extensions.set_wait_callback(extras.wait_select)
    try:
        connection = psycopg2.connect(cluster.dsn("writer"))
        assert run(connection, "SELECT 1") == [(1,)]
        assert agent.tracked(cluster.writer) == 1
        connection.close()
    finally:
        extensions.set_wait_callback(None)
