"""Connections are tracked under the instance that they landed on, until they end."""

from __future__ import annotations

import contextlib
import gc

import psycopg
import psycopg2
import pytest

import aurora_otel
from tests.support.sql import pid, run, serving
from tests.support.waiting import eventually

OPENS = "aurora.connection.opens"
QUESTION = "aurora_db_instance_identifier"


def last_statement(cluster, connection) -> str:
    """Return the last statement that a connection sent since it was opened, seen by the server."""
    for instance in cluster.instances:
        rows = cluster.execute(
            instance, "SELECT query FROM pg_stat_activity WHERE pid = %s", pid(connection)
        )
        if rows and cluster.execute(
            instance,
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND usename = 'app'",
            pid(connection),
        ):
            return rows[0][0]
    raise AssertionError("no instance serves this connection")


def test_an_instance_endpoint_names_the_instance_and_is_asked_nothing(
    agent, cluster, connect, driver
):
    first = connect(cluster.dsn("writer"))  # the topology is known from here on
    assert QUESTION in last_statement(cluster, first)
    for instance in cluster.instances:
        by_name = connect(cluster.dsn(instance))
        by_address = connect(cluster.dsn(instance, host=cluster.address(instance)[0]))

        assert last_statement(cluster, by_name) == ""
        assert last_statement(cluster, by_address) == ""
        assert serving(by_name) == serving(by_address) == instance
        counted = agent.exported.metric(OPENS, instance_id=instance, endpoint_type="instance")
        assert counted == 2
        assert agent.tracked(instance) == 2 + (instance == cluster.writer)
        by_name.close()
        by_address.close()
    first.close()


def test_the_first_connection_to_an_instance_endpoint_reads_the_topology_once(
    agent, cluster, connect
):
    reader = cluster.readers[0]
    first, second = connect(cluster.dsn(reader)), connect(cluster.dsn(reader))
    assert QUESTION in last_statement(cluster, first)
    assert last_statement(cluster, second) == ""
    (known,) = aurora_otel.snapshot().clusters
    assert {each.id for each in known.instances} == set(cluster.instances)
    first.close()
    second.close()


def test_all_ways_into_a_cluster_are_one_cluster(agent, cluster, connect):
    targets = ["writer", "reader", "custom", *cluster.instances]
    dsns = [*map(cluster.dsn, targets), cluster.dsn("writer", host="db.example.com")]
    held = [connect(dsn) for dsn in dsns]

    (known,) = aurora_otel.snapshot().clusters
    assert (known.id, known.writer) == ("lab", cluster.writer)
    assert known.connections == len(held)
    for connection in held:
        connection.close()


def test_identification_leaves_no_trace_in_the_session(start, cluster, connect):
    def state(connection):
        status = connection.info.transaction_status
        settings = run(connection, "SELECT name, setting FROM pg_settings ORDER BY name")
        prepared = run(connection, "SELECT count(*) FROM pg_prepared_statements")
        connection.rollback()
        return status, connection.autocommit, settings, prepared

    plain = connect(cluster.dsn("writer"))
    start()
    ours = connect(cluster.dsn("writer"))
    assert state(ours) == state(plain)
    ours.close()
    plain.close()


def test_a_with_block_ends_a_connection_as_its_driver_says(agent, cluster):
    with psycopg.connect(cluster.dsn("writer")):
        assert agent.tracked() == 1
    assert agent.tracked() == 0

    with contextlib.closing(psycopg2.connect(cluster.dsn("writer"))) as connection:
        with connection:
            assert agent.tracked() == 1
        assert agent.tracked() == 1  # psycopg2's own block only ends the transaction
    assert agent.tracked() == 0
    assert agent.exported.metric("aurora.connection.closes") == 2


def test_a_connect_that_fails_is_the_drivers_own_failure(agent, cluster, connect, module):
    with pytest.raises(module.OperationalError):
        connect(cluster.dsn("writer", password="wrong"))
    with pytest.raises(module.OperationalError):
        connect("host=127.0.0.1 port=1 connect_timeout=2")
    assert agent.tracked() == 0


def test_opens_equal_open_plus_ended(agent, cluster, connect):
    def total(name: str, **attributes: str) -> float:
        return agent.exported.metric(f"aurora.connection.{name}", **attributes)

    held = [connect(cluster.dsn(target)) for target in ("writer", "reader", "custom") * 4]
    for connection in held[:5]:
        connection.close()
    del held[8:], connection
    gc.collect()
    eventually(lambda: total("prunes") == 4)
    assert total("opens") == 12
    assert total("closes") == 5
    assert total("count") == 3
    for connection in held:
        connection.close()
