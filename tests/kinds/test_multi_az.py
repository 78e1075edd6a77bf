"""RDS Multi-AZ DB clusters: recognised, followed through a failover, and otherwise left alone."""

from __future__ import annotations

import pytest

import aurora_otel
from aurora_otel.lab import Cluster, Failover
from aurora_otel.lab.membership import Topology
from tests.kinds.conftest import kinds, logged
from tests.support.sql import READ_ONLY, attempt, refused_write, run, serving, sqlstate, write
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"
QUESTION = "rds_tools.show_topology"


@pytest.fixture
def lab(multi_az):
    return multi_az


def test_each_connection_is_identified_in_one_round_trip(agent, cluster, connect, driver):
    asked, errors = logged(cluster, QUESTION), logged(cluster, "ERROR:")
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    held += [connect(cluster.dsn("reader"))]
    assert logged(cluster, QUESTION) == asked + 4
    assert logged(cluster, "ERROR:") == errors
    assert kinds() == {"multi-az"}
    (known,) = aurora_otel.snapshot().clusters
    assert known.writer == cluster.writer
    assert {each.id for each in known.instances} == set(cluster.instances)
    assert agent.tracked(cluster.writer) == 3
    opened = agent.exported.spans("track connection")
    # The kind is known from the first answer on.
    assert [each.attributes["aurora.cluster.kind"] for each in opened] == ["multi-az"] * 4
    for connection in held:
        connection.close()


@pytest.mark.parametrize("kind", list(Failover), ids=lambda kind: kind.value)
def test_a_failover_leaves_no_session_on_the_old_writer_and_touches_no_reader(
    start, cluster, connect, kind
):
    agent = start(stuck_after=0.5)
    reader = connect(cluster.dsn(cluster.readers[-1]))
    session = reader.info.backend_pid
    held = [connect(cluster.dsn("writer")) for _ in range(4)]
    switch = cluster.failover(kind)
    refused = [sqlstate(refused_write(each)) for each in held] if kind is not Failover.HANG else []
    assert READ_ONLY not in refused
    fresh = connect(cluster.dsn("writer"))
    write(fresh)
    assert serving(fresh) == switch.new_writer
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    eventually(lambda: aurora_otel.snapshot().clusters[0].writer == switch.new_writer)
    assert agent.exported.metric("aurora.failovers") == 1
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    assert reader.info.backend_pid == session
    run(reader, "SELECT 1")
    for connection in (*held, fresh, reader):
        attempt(connection.close)


def test_a_list_that_names_the_wrong_writer_decides_nothing(agent, cluster, connect):
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    old, wrong = cluster.writer, cluster.readers[-1]
    switch = cluster.failover(Failover.CRASH, target=cluster.readers[0], publish=False)
    lists = Topology(wrong, (switch.new_writer,))
    for each in (switch.new_writer, wrong):
        cluster.set_view(each, lists.seen_by(each))
    assert refused_write(held[0]) is not None
    eventually(lambda: aurora_otel.snapshot().clusters[0].writer == switch.new_writer)
    eventually(lambda: agent.tracked(old) == 0)
    # One to the true writer stays, whatever the lists say.
    host = cluster.address(switch.new_writer)[0]
    kept = connect(cluster.dsn(switch.new_writer, host=host))
    write(kept)
    run(kept, "SET TRANSACTION READ ONLY")
    assert sqlstate(refused_write(kept)) == READ_ONLY
    write(kept)
    assert serving(kept) == switch.new_writer
    for connection in (*held, kept):
        attempt(connection.close)


def test_a_read_only_transaction_of_the_application_closes_nothing(agent, cluster, connect):
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    run(held[0], "SET TRANSACTION READ ONLY")
    assert sqlstate(refused_write(held[0])) == READ_ONLY
    reader = connect(cluster.dsn("reader"))
    assert sqlstate(refused_write(reader)) == READ_ONLY
    for connection in held:
        write(connection)
    run(reader, "SELECT 1")
    assert agent.exported.metric(INVALIDATIONS) == 0
    for connection in (*held, reader):
        connection.close()


@pytest.fixture
def without_usage(cluster):
    """The application's login may not use the schema of the functions."""
    cluster.execute(cluster.writer, "REVOKE USAGE ON SCHEMA rds_tools FROM PUBLIC")
    eventually(lambda: all(not may_use(cluster, each) for each in cluster.instances))
    yield cluster
    cluster.execute(cluster.writer, "GRANT USAGE ON SCHEMA rds_tools TO PUBLIC")
    eventually(lambda: all(may_use(cluster, each) for each in cluster.instances))


def may_use(cluster: Cluster, instance: str) -> bool:
    statement = "SELECT has_schema_privilege('app', 'rds_tools', 'USAGE')"
    return cluster.execute(instance, statement) == [(True,)]


def test_a_login_without_the_privilege_costs_no_error(without_usage, agent, connect):
    cluster = without_usage
    errors = logged(cluster, "ERROR:")
    held = [connect(cluster.dsn("writer")) for _ in range(2)]
    write(held[0])
    assert "multi-az" not in kinds()
    assert logged(cluster, "ERROR:") == errors
    assert agent.tracked() == 2
    for connection in held:
        connection.close()
