"""A MySQL or MariaDB that is no Aurora is tracked quietly."""

from __future__ import annotations

import MySQLdb
import pymysql
import pytest

import aurora_otel
from aurora_otel.lab import Cluster
from tests.support.labs import create_table
from tests.support.mysql import arguments, end, executed
from tests.support.sql import Call, attempt, run, write
from tests.support.waiting import eventually

MODULES = {"pymysql": pymysql, "mysqlclient": MySQLdb}
LOGGED = "SELECT argument FROM mysql.general_log WHERE command_type IN ('Query', 'Prepare')"


@pytest.fixture(params=MODULES)
def driver(request):
    return request.param


@pytest.fixture(scope="module")
def lab():
    """One server, without replicas."""
    with Cluster("plain", engine="mysql", kind="plain", instances=["plain-1"]) as cluster:
        create_table(cluster)
        yield cluster


@pytest.fixture
def connect(cluster, driver):
    """Connects to the server itself."""
    host, port = cluster.plain_address(cluster.writer)
    return lambda: MODULES[driver].connect(**{**arguments(cluster), "host": host, "port": port})


@pytest.fixture
def asked(cluster):
    """The statements about Aurora that the server was asked so far."""
    server = cluster.writer
    cluster.execute(server, "SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1")

    def asked():
        rows = cluster.execute(server, f"{LOGGED} AND user_host LIKE '{cluster.user}[%%'")
        texts = [row[0] if isinstance(row[0], str) else row[0].decode() for row in rows]
        return [text for text in texts if "aurora" in text or "innodb_read_only" in text]

    yield asked
    cluster.execute(server, "SET GLOBAL general_log = 0")
    cluster.execute(server, "TRUNCATE mysql.general_log")


@pytest.fixture
def warnings(cluster):
    """What the server has logged about the application, or as an error."""
    log = cluster.log(cluster.writer)
    words = ("[ERROR]", f"user: '{cluster.user}'")
    return lambda: [line for line in log.read_text().splitlines() if any(w in line for w in words)]


def test_a_plain_server_is_probed_once_and_tracked_as_unknown(
    start, connect, driver, asked, warnings
):
    agent = start(members="")
    before = warnings()
    held = [connect() for _ in range(4)]
    for connection in held:
        write(connection)
        assert executed(connection, "SHOW WARNINGS")[-1] == ()
    (probe,) = asked()
    assert probe.startswith("SHOW VARIABLES")

    (known,) = aurora_otel.snapshot().clusters
    assert [(each.id, each.connections) for each in known.instances] == [("unknown", {driver: 4})]
    assert known.writer is None
    assert agent.exported.metric("aurora.connection.opens", instance_role="unknown") == 4
    for connection in held:
        connection.close()
    assert warnings() == before


def test_symptoms_on_a_plain_server_send_no_query(start, connect, cluster, asked):
    agent = start(members="")
    held = [connect() for _ in range(2)]
    run(held[0], "START TRANSACTION READ ONLY")
    assert attempt(lambda: write(held[0])).args[0] == 1792
    held[0].rollback()
    end(cluster, held[1])
    assert attempt(lambda: run(held[1], "SELECT 1")) is not None
    write(held[0])
    assert len(asked()) == 1
    assert agent.exported.spans("refresh topology") == []
    assert agent.exported.points("aurora.failovers") == []
    assert not aurora_otel.snapshot().clusters[0].window_open
    for connection in held:
        connection.close()
    eventually(lambda: agent.tracked() == 0)


def test_a_long_statement_on_a_plain_server_is_nobodys_business(start, connect):
    agent = start(members="", stuck_after=0.1)
    connection = connect()
    assert Call(lambda: run(connection, "SELECT SLEEP(0.5)")).outcome() is None
    assert agent.exported.spans("refresh topology") == []
    connection.close()
