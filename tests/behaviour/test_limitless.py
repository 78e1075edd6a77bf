"""A Limitless database: each router says that it is the writer, so that none is ever judged."""

from __future__ import annotations

import pytest

import aurora_otel
from aurora_otel.lab import Cluster, Failover
from tests.support.labs import create_table
from tests.support.sql import READ_ONLY, refused_write, run, serving, sqlstate, write
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def lab():
    """A cluster with what AWS's own driver knows a Limitless database by, hidden from the login."""
    with Cluster("limitless") as cluster:
        create_table(cluster)
        for statement in (
            "CREATE SCHEMA rds_aurora",
            "CREATE TABLE rds_aurora.limitless_subclusters (subcluster_id text)",
        ):
            cluster.execute(cluster.writer, statement)
        yield cluster


def errors(cluster: Cluster) -> int:
    return sum(cluster.log(each).read_text().count("ERROR:") for each in cluster.instances)


def test_connections_to_routers_are_tracked_under_no_instance(start, cluster, connect, driver):
    before = errors(cluster)
    agent = start()
    held = [connect(cluster.dsn(target)) for target in ("writer", "reader", "custom")]
    (known,) = {each.writer for each in aurora_otel.snapshot().clusters}
    assert known is None
    assert (
        agent.exported.metric("aurora.connection.opens", instance_id="unknown", driver=driver) == 3
    )
    assert agent.exported.points("aurora.topology.writer") == []
    assert errors(cluster) == before
    for connection in held:
        connection.close()


def test_a_refused_write_on_a_router_closes_nothing_and_starts_no_refresh(start, cluster, connect):
    agent = start()
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    old = cluster.failover(Failover.SWITCHOVER).old_writer
    assert sqlstate(refused_write(held[0])) == READ_ONLY
    fresh = connect(cluster.dsn("writer"))
    assert {serving(connection) for connection in held} == {old}
    write(fresh)
    assert agent.exported.spans("refresh topology") == []
    assert agent.exported.metric("aurora.connection.invalidations") == 0
    for connection in (*held, fresh):
        connection.close()
    eventually(lambda: agent.tracked() == 0)


def test_a_login_without_the_schema_may_still_be_asked_what_the_server_is(cluster, connect):
    connection = connect(cluster.dsn("writer"))
    with pytest.raises(Exception, match="permission denied for schema"):
        run(connection, "SELECT to_regclass('rds_aurora.limitless_subclusters')")
    connection.close()
