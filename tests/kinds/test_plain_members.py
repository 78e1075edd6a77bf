"""Where the members of a PostgreSQL with standbys are found, and what each way takes."""

from __future__ import annotations

import socket

import pytest

from aurora_otel.drivers.marks import track_of
from aurora_otel.lab import Cluster
from tests.support.sql import READ_ONLY, attempt, refused_write, run, serving, sqlstate, write
from tests.support.waiting import eventually

HEADLESS = "pg.db.example.com"


@pytest.fixture
def lab(plain):
    return plain


@pytest.fixture
def agent(start):
    """An agent whose settings name no members."""
    return start(members="")


def at(cluster, instance):
    return ":".join(map(str, cluster.plain_address(instance)))


def known_writer(connection):
    return track_of(connection).cluster.current.detector.writer


def addresses(cluster: Cluster) -> list[str]:
    return [cluster.plain_address(each)[0] for each in cluster.instances]


def finds_a_promotion(cluster, connections):
    """Promote a reader beside the writer; return whether the agent finds it, and acts on it."""
    old, new = cluster.writer, cluster.readers[0]
    assert {serving(each) for each in connections} == {old}
    cluster.promote(new)
    run(connections[0], "SET TRANSACTION READ ONLY")
    assert sqlstate(refused_write(connections[0])) == READ_ONLY
    eventually(lambda: known_writer(connections[0]) == at(cluster, new))
    eventually(lambda: cluster.sessions(old) == 0)
    for connection in connections:
        attempt(connection.close)


def test_at_all_hosts_of_the_connection_string(agent, cluster, connect):
    hosts = ",".join(addresses(cluster))
    dsn = cluster.dsn("writer", host=hosts, hostaddr=None, target_session_attrs="read-write")
    finds_a_promotion(cluster, [connect(dsn) for _ in range(3)])


def test_at_all_addresses_of_the_applications_own_host(agent, cluster, connect, monkeypatch):
    resolve = socket.getaddrinfo

    def with_headless(host, port, *args, **kwargs):
        if host != HEADLESS:
            return resolve(host, port, *args, **kwargs)
        found = (resolve(each, port, *args, **kwargs) for each in addresses(cluster))
        return [each for one in found for each in one]

    monkeypatch.setattr(socket, "getaddrinfo", with_headless)
    dsn = cluster.dsn("writer", host=HEADLESS)
    finds_a_promotion(cluster, [connect(dsn) for _ in range(3)])


@pytest.fixture
def monitoring(cluster):
    """The application's login is a member of `pg_monitor`."""
    cluster.execute(cluster.writer, "GRANT pg_monitor TO app")
    statement = "SELECT pg_has_role('app', 'pg_monitor', 'MEMBER')"
    eventually(
        lambda: all(cluster.execute(each, statement) == [(True,)] for each in cluster.instances)
    )
    yield
    cluster.execute(cluster.writer, "REVOKE pg_monitor FROM app")


def from_a_reader(cluster, connect):
    reader = cluster.readers[-1]
    connection = connect(cluster.dsn(reader, host=cluster.address(reader)[0]))
    assert serving(connection) == reader
    return connection


def test_where_a_standby_receives_from_if_the_login_may_know(monitoring, agent, cluster, connect):
    connection = from_a_reader(cluster, connect)
    eventually(lambda: known_writer(connection) == at(cluster, cluster.writer))
    connection.close()


def test_without_any_of_that_a_standby_knows_no_writer(agent, cluster, connect):
    connection = from_a_reader(cluster, connect)
    eventually(lambda: agent.exported.spans("refresh topology"))
    assert known_writer(connection) is None
    assert sqlstate(refused_write(connection)) == READ_ONLY
    run(connection, "SELECT 1")
    assert agent.exported.metric("aurora.connection.invalidations") == 0
    connection.close()


def test_a_member_that_the_settings_name_is_one_without_standbys_of_its_own(
    start, cluster, connect
):
    start()
    alone = cluster.readers[0]
    cluster.promote(alone)
    connection = connect(cluster.dsn(alone, host=cluster.address(alone)[0]))
    write(connection)
    assert known_writer(connection) == at(cluster, alone)
    connection.close()
