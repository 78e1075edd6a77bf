"""An instance counts as a writer if it accepts writes, by the server's own setting."""

from __future__ import annotations

import psycopg
import pymysql
import pytest

import aurora_otel
from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.lab import Failover, Member
from aurora_otel.model.topology import Role
from tests.support.mysql import arguments
from tests.support.sql import READ_ONLY, refused_write, serving, sqlstate, write

OWN = {
    "role": ("ALTER ROLE app SET {}", "ALTER ROLE app RESET {}"),
    "database": ("ALTER DATABASE app SET {}", "ALTER DATABASE app RESET {}"),
    "role in database": (
        "ALTER ROLE app IN DATABASE app SET {}",
        "ALTER ROLE app IN DATABASE app RESET {}",
    ),
}
NAME = "default_transaction_read_only"
QUESTION = AuroraPostgreSQL().question(view=True)


def role(connection: psycopg.Connection) -> Role:
    """Return the role by the agent's own question."""
    return AuroraPostgreSQL().parse_answer(connection.execute(QUESTION).fetchall()).role


@pytest.fixture
def old(agent, cluster, connect):
    """An old writer that claims to be one by all but its own setting; as after blue/green."""
    first = connect(cluster.dsn("writer"))
    old = cluster.failover(Failover.SWITCHOVER).old_writer
    refused_write(first)
    first.close()
    assert aurora_otel.snapshot().clusters[0].writer == cluster.writer
    cluster.set_read_only(old, on=True)
    cluster.set_view(old, [Member(old, "MASTER_SESSION_ID", age=None)])
    return old


def test_an_old_writer_that_is_read_only_takes_nothing_from_the_true_one(
    agent, cluster, connect, old
):
    before = agent.exported.metric("aurora.connection.invalidations")
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    on_old = connect(cluster.dsn(old, host=cluster.address(old)[0]))
    # It shows a symptom, and is asked.
    assert sqlstate(refused_write(on_old)) == READ_ONLY
    assert aurora_otel.snapshot().clusters[0].writer == cluster.writer
    for connection in held:
        write(connection)
        assert serving(connection) == cluster.writer
    assert agent.exported.metric("aurora.connection.invalidations") == before
    for connection in (*held, on_old):
        connection.close()


def test_names_that_lead_to_an_old_read_only_writer_count_as_neither_reader_nor_writer(
    agent, cluster, connect, old
):
    misroutes = agent.exported.metric("aurora.connection.misroutes")
    cluster.dns_lag = 60.0
    on_old = connect(cluster.dsn(old))
    with psycopg.connect(cluster.dsn(old), autocommit=True) as connection:
        assert role(connection) is Role.UNKNOWN
    assert agent.exported.metric("aurora.connection.misroutes") == misroutes
    on_old.close()


@pytest.mark.parametrize("whose", OWN)
def test_a_read_only_default_of_a_login_or_database_is_not_the_servers(
    start, cluster, connect, whose
):
    setting, reset = OWN[whose]
    cluster.execute(cluster.writer, setting.format(f"{NAME} = on"))
    try:
        start()
        connection = connect(cluster.dsn("writer"))
        assert sqlstate(refused_write(connection)) == READ_ONLY
        (known,) = aurora_otel.snapshot().clusters
        assert known.writer == cluster.writer
        connection.close()
    finally:
        cluster.execute(cluster.writer, f"SET TRANSACTION READ WRITE; {reset.format(NAME)}")


def test_a_sessions_own_read_only_setting_is_not_the_servers(cluster):
    writer = cluster.dsn(cluster.writer)
    with psycopg.connect(writer, autocommit=True, options=f"-c {NAME}=on") as connection:
        assert role(connection) is Role.WRITER
    with psycopg.connect(writer, autocommit=True) as connection:
        connection.execute(f"SET {NAME} = on")
        assert role(connection) is Role.WRITER
        connection.execute("BEGIN TRANSACTION READ ONLY")
        assert role(connection) is Role.WRITER
    with psycopg.connect(cluster.dsn(cluster.readers[0]), autocommit=True) as connection:
        assert role(connection) is Role.READER


def test_a_mysql_sessions_own_read_only_setting_is_not_the_servers(start, mysql_cluster):
    cluster = mysql_cluster
    places = cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"]
    start(instance_endpoints=places)
    read_only = "SET SESSION TRANSACTION READ ONLY"
    connection = pymysql.connect(**arguments(cluster), init_command=read_only)
    (known,) = aurora_otel.snapshot().clusters
    assert known.writer == cluster.writer
    connection.close()
