"""The proxies that a driver gets that is added by one call: all that it can do goes on working."""

from __future__ import annotations

import weakref

import pgdb
import pytest

import aurora_otel
from tests.behaviour.pgdb_connections import add, connect, end, executed
from tests.support.sql import attempt
from tests.support.waiting import eventually

OURS = {"track connection", "refresh topology", "failover", "invalidate connections"}


@pytest.fixture(autouse=True)
def _added():
    """Each test begins with the same driver added, whatever the one before has added."""
    add(name="pgdb")


def executemany(connection):
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO items VALUES (%s)", [["a"], ["b"]])
    return cursor.rowcount, executed(connection, "SELECT x FROM items")


def fetches(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT generate_series(1, 9)")
    cursor.arraysize = 2
    return (
        cursor.fetchone(),
        cursor.fetchmany(),
        cursor.fetchmany(1),
        next(cursor),
        [row for row, _ in zip(cursor, range(2), strict=False)],
        cursor.fetchall(),
        cursor.fetchone(),
        list(cursor),
    )


def blocks(connection):
    with connection as entered, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return entered is connection, cursor.connection is connection, cursor.fetchone()


def failing_block(connection):
    with connection:
        executed(connection, "INSERT INTO items VALUES ('x')")
        raise KeyError


def copied(connection):
    connection.cursor().copy_from(["a", "b"], "items")
    return list(connection.cursor().copy_to(None, "items"))


def attributes(connection):
    before = connection.autocommit
    connection.autocommit = True
    connection.own = "value"
    after = connection.autocommit, connection.own, vars(connection)["own"]
    del connection.own
    connection.autocommit = before
    offered = [name for name in dir(connection) if not name.startswith("_")]
    return before, after, offered, hasattr(connection, "tpc_begin"), hasattr(connection, "ping")


FEATURES = {
    "execute": lambda c: executed(c, "SELECT 1, %s", ["x"]),
    "chained": lambda c: c.cursor().execute("SELECT 1").fetchone(),
    "executemany": executemany,
    "callproc": lambda c: c.cursor().callproc("upper", ["x"]),
    "fetches": fetches,
    "blocks": blocks,
    "failing block": failing_block,
    "copy": copied,
    "attributes": attributes,
    "nextset": lambda c: c.cursor().nextset(),
    "commit": lambda c: (executed(c, "SELECT 1"), c.commit())[1],
    "exceptions": lambda c: (c.Error, c.cursor().connection.DatabaseError),
    "syntax error": lambda c: executed(c, "SELEC"),
    "no result": lambda c: c.cursor().fetchone(),
    "closed cursor": lambda c: (cursor := c.cursor(), cursor.close(), cursor.execute("SELECT 1")),
}


def outcome(connection, feature):
    executed(connection, "CREATE TEMPORARY TABLE IF NOT EXISTS items (x text)")
    connection.commit()
    results = []
    error = attempt(lambda: results.append(feature(connection)))
    connection.rollback()
    return results, type(error), str(error)


def test_every_feature_does_what_it_does_without_the_agent(start, cluster):
    plain = connect(cluster)
    start()
    ours = connect(cluster)
    for name, feature in FEATURES.items():
        assert outcome(ours, feature) == outcome(plain, feature), name
    for connection in (plain, ours):
        connection.close()
        assert "closed" in str(attempt(connection.close))


def test_a_proxy_passes_for_what_it_stands_for(agent, cluster):
    connection = connect(cluster)
    cursor = connection.cursor()
    assert isinstance(connection, pgdb.Connection)
    assert isinstance(cursor, pgdb.Cursor)
    assert type(connection).__qualname__ == "Connection"
    assert repr(connection) == repr(connection.__wrapped__)
    assert weakref.ref(connection)() is connection
    assert {connection: 1}[connection] == 1
    connection.close()


def test_a_cursor_keeps_its_connection(agent, cluster):
    cursor = connect(cluster).cursor()
    assert cursor.execute("SELECT 1").fetchone() == (1,)
    assert agent.tracked() == 1
    cursor.connection.close()
    assert agent.tracked() == agent.exported.metric("aurora.connection.prunes") == 0
    assert agent.exported.metric("aurora.connection.closes") == 1


def test_a_leaked_connection_is_pruned(agent, cluster):
    connect(cluster)
    eventually(lambda: agent.exported.metric("aurora.connection.prunes") == 1)


@pytest.mark.parametrize("name", ["execute", "executemany", "callproc", "blocks", "commit"])
def test_every_feature_shows_a_lost_connection(start, cluster, name):
    start(prune_interval=60)  # so that no round finds it first
    connection = connect(cluster)
    if name == "commit":
        executed(connection, "SELECT 1")
    end(cluster, connection)
    assert isinstance(attempt(lambda: FEATURES[name](connection)), pgdb.Error)
    assert aurora_otel.snapshot().clusters[0].window_open
    attempt(connection.close)


def test_query_spans_are_one_a_call(start, cluster):
    agent = start(query_spans="summary")
    connection = connect(cluster)
    executed(connection, "CREATE TEMPORARY TABLE items (x text)")
    executemany(connection)
    spans = [span for span in agent.exported.spans() if span.name not in OURS]
    assert [span.name for span in spans] == ["CREATE", "INSERT", "SELECT"]
    assert {span.attributes["aurora.instance.id"] for span in spans} == {cluster.writer}
    assert {span.attributes["db.namespace"] for span in spans} == {"app"}
    connection.close()
