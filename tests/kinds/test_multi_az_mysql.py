"""RDS Multi-AZ DB clusters of MySQL: recognised, followed through a failover, and left alone."""

from __future__ import annotations

import functools

import pytest

from aurora_otel.drivers.marks import track_of
from aurora_otel.lab import Failover
from tests.kinds.conftest import kinds
from tests.support.drivers.descriptors import BY_ID
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.sql import attempt, run, write
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"
MAY_READ = "mysql.rds_topology"


@pytest.fixture
def lab(multi_az_mysql):
    return multi_az_mysql


@pytest.fixture
def driver():
    return BY_ID["pymysql"]


@pytest.fixture
def connect(driver, cluster):
    return functools.partial(driver.connect, cluster)


def known_writer(connection):
    return track_of(connection).cluster.current.detector.writer


@pytest.mark.parametrize("kind", [Failover.CRASH, Failover.HANG], ids=lambda kind: kind.value)
def test_a_failover_leaves_no_session_on_the_old_writer_and_touches_no_reader(
    start, cluster, connect, kind
):
    agent = start(stuck_after=0.5)
    reader = connect(cluster.readers[-1])
    held = [connect() for _ in range(3)]
    assert kinds() == {"multi-az"}
    assert agent.tracked(cluster.writer) == 3
    assert not run(held[0], "SHOW WARNINGS")
    switch = cluster.failover(kind)
    fresh = connect()
    write(fresh)
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    eventually(lambda: known_writer(fresh) == switch.new_writer, within=60)
    assert agent.exported.metric("aurora.failovers") == 1
    run(reader, "SELECT 1")
    for connection in (*held, fresh, reader):
        attempt(connection.close)


def test_a_read_only_transaction_of_the_application_closes_nothing(agent, cluster, connect):
    held = [connect() for _ in range(2)]
    run(held[0], "START TRANSACTION READ ONLY")
    assert attempt(lambda: write(held[0])).args[0] == 1792
    held[0].rollback()
    reader = connect("reader")
    assert attempt(lambda: write(reader)).args[0] == 1290
    reader.rollback()
    for connection in held:
        write(connection)
    run(reader, "SELECT 1")
    assert agent.exported.metric(INVALIDATIONS) == 0
    for connection in (*held, reader):
        connection.close()


@pytest.fixture
def without_privilege(cluster):
    """The application's login may not read the list."""
    cluster.execute(cluster.writer, f"REVOKE SELECT ON {MAY_READ} FROM PUBLIC")
    yield cluster
    cluster.execute(cluster.writer, f"GRANT SELECT ON {MAY_READ} TO PUBLIC")


def test_a_login_without_the_privilege_costs_no_error(without_privilege, agent, connect):
    held = [connect() for _ in range(2)]
    assert not run(held[0], "SHOW WARNINGS")
    write(held[0])
    assert "multi-az" not in kinds()
    assert agent.tracked() == 2
    for connection in held:
        connection.close()
