"""What psycopg can do goes on working, and is watched for symptoms."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import class_row, dict_row, namedtuple_row
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.json import Jsonb, set_json_dumps

import aurora_otel
from aurora_otel.drivers.marks import track_of
from tests.support.sql import attempt, pid
from tests.support.upstream import UPSTREAM
from tests.support.waiting import eventually


def copy_in(connection):
    with connection.cursor() as cursor:
        with cursor.copy("COPY pg_temp.items (x) FROM STDIN") as copy:
            copy.write_row(("copied",))
        return cursor.rowcount


def copy_out(connection):
    with connection.cursor().copy("COPY (SELECT generate_series(1, 3)) TO STDOUT") as copy:
        return [bytes(block) for block in copy]


def server_side(connection):
    with connection.cursor("named") as cursor:
        cursor.execute("SELECT generate_series(1, 10)")
        return cursor.fetchmany(3), cursor.fetchone(), cursor.fetchall()


def stream(connection):
    return list(connection.cursor().stream("SELECT generate_series(1, 3)"))


def pipeline(connection):
    with connection.pipeline():
        cursors = [connection.execute("SELECT %s", [number]) for number in range(3)]
        return [cursor.fetchone() for cursor in cursors]


def executemany(connection):
    statement = "INSERT INTO pg_temp.items VALUES (%s) RETURNING x"
    cursor = connection.cursor()
    cursor.executemany(statement, [["a"], ["b"]], returning=True)
    return cursor.fetchall()


def nested_transactions(connection):
    with connection.transaction(), connection.transaction(force_rollback=True):
        return connection.execute("SELECT 1").fetchall()


def composite(connection):
    connection.execute("CREATE TYPE pg_temp.pair AS (a int, b text)")
    register_composite(CompositeInfo.fetch(connection, "pair"), connection)
    value = connection.execute("SELECT (1, 'x')::pg_temp.pair").fetchone()[0]
    return value.a, value.b


def json(connection):
    set_json_dumps(lambda _: '"dumped"', connection)
    return connection.execute("SELECT %s", [Jsonb({})]).fetchone()


def rows(connection):
    made = [connection.cursor(row_factory=dict_row).execute("SELECT 1 AS x").fetchone()]
    named = connection.cursor(row_factory=namedtuple_row).execute("SELECT 1 AS x").fetchone()
    return [*made, named.x]


FEATURES = {
    "execute": lambda c: c.execute("SELECT 1, %s", ["x"]).fetchall(),
    "prepared": lambda c: c.execute("SELECT 1", prepare=True).fetchall(),
    "binary": lambda c: c.execute("SELECT 1::int8", binary=True).fetchall(),
    "client-side binding": lambda c: psycopg.ClientCursor(c).execute("SELECT %s", [1]).fetchall(),
    "composed": lambda c: c.execute(sql.SQL("SELECT {}").format(1)).fetchall(),
    "copy in": copy_in,
    "copy out": copy_out,
    "server-side": server_side,
    "stream": stream,
    "pipeline": pipeline,
    "executemany": executemany,
    "transactions": nested_transactions,
    "composite": composite,
    "json": json,
    "rows": rows,
    "commit": lambda c: (c.execute("SELECT 1"), c.commit())[1],
    "rollback": lambda c: (c.execute("SELECT 1"), c.rollback())[1],
    "two-phase": lambda c: str(c.xid(1, "a", "b")),
    "syntax error": lambda c: c.execute("SELEC"),
    "unique violation": lambda c: c.execute(
        "INSERT INTO pg_temp.items SELECT 'a' FROM (VALUES (1), (2)) v"
    ),
    "no results": lambda c: c.execute("SET search_path = public").fetchone(),
}
ON_THE_NETWORK = {
    "execute", "prepared", "copy in", "copy out", "server-side", "stream", "pipeline",
    "executemany", "transactions", "syntax error",
}  # fmt: skip


def outcome(connection, feature) -> tuple[object, ...]:
    connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS items (x text UNIQUE)")
    connection.commit()
    results = []
    error = attempt(lambda: results.append(feature(connection)))
    status = connection.info.transaction_status
    connection.rollback()
    return results, type(error), str(error), getattr(error, "sqlstate", None), status


def test_every_feature_does_what_it_does_without_the_agent(start, cluster):
    plain = psycopg.connect(cluster.dsn("writer"))
    start()
    ours = psycopg.connect(cluster.dsn("writer"))
    for name, feature in FEATURES.items():
        assert outcome(ours, feature) == outcome(plain, feature), name
    for connection in (plain, ours):
        connection.close()
        assert (
            str(attempt(lambda c=connection: c.execute("SELECT 1"))) == "the connection is closed"
        )


@pytest.mark.parametrize("name", sorted(ON_THE_NETWORK))
def test_every_feature_shows_a_lost_connection(start, cluster, name):
    agent = start(prune_interval=60)  # so that no round finds it first
    connection = psycopg.connect(cluster.dsn("writer"))
    connection.execute("CREATE TEMPORARY TABLE items (x text UNIQUE)")
    connection.commit()
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int)", pid(connection))
    assert isinstance(attempt(lambda: FEATURES[name](connection)), psycopg.OperationalError)
    assert aurora_otel.snapshot().clusters[0].window_open
    eventually(lambda: agent.exported.spans("refresh topology"))
    connection.close()


@pytest.mark.parametrize("call", ["commit", "rollback"])
def test_the_end_of_a_transaction_shows_a_lost_connection(start, cluster, call):
    start(prune_interval=60)
    connection = psycopg.connect(cluster.dsn("writer"))
    connection.execute("SELECT 1")
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int)", pid(connection))
    assert isinstance(attempt(getattr(connection, call)), psycopg.OperationalError)
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    connection.close()


class Own(psycopg.Connection):
    """An application's own class."""

    def cursor(self, *args, **kwargs):
        self.cursors = getattr(self, "cursors", 0) + 1
        return super().cursor(*args, **kwargs)


@dataclass
class Item:
    x: int


@pytest.mark.skipif(
    bool(UPSTREAM), reason="upstream's own wrappers forget the subclass, and put in their cursors"
)
def test_the_applications_own_factories_are_its_own(agent, cluster):
    own = Own.connect(cluster.dsn("writer"))
    assert type(own) is Own
    own.cursor().execute("SELECT 1")
    assert own.cursors == 1
    rows = psycopg.connect(cluster.dsn("writer"), row_factory=class_row(Item))
    assert rows.execute("SELECT 1 AS x").fetchone() == Item(1)
    client = psycopg.connect(cluster.dsn("writer"), cursor_factory=psycopg.ClientCursor)
    assert type(client.cursor()) is psycopg.ClientCursor
    plain = psycopg.connect(cluster.dsn("writer"), autocommit=True, prepare_threshold=0)
    assert type(plain) is psycopg.Connection
    assert (plain.autocommit, plain.prepare_threshold) == (True, 0)
    assert agent.tracked(cluster.writer) == 4
    for connection in (own, rows, client, plain):
        connection.close()


def test_an_interrupt_during_a_query_is_the_applications(agent, cluster, interrupt_soon):
    connection = psycopg.connect(cluster.dsn("writer"))
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        connection.execute("SELECT pg_sleep(30)")
    assert track_of(connection).in_flight_since == 0.0
    connection.rollback()
    assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not aurora_otel.snapshot().clusters[0].window_open
    connection.close()
