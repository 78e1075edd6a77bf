"""Each kind of cluster with the drivers that its own tests do not use: one switchover each."""

from __future__ import annotations

import functools

import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.kinds.cases import _case, _cluster, _connect, _driver  # noqa: F401 - fixtures
from tests.kinds.conftest import kinds, serving
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.sql import attempt, write
from tests.support.waiting import eventually

# The fixture of the lab, and the drivers.
CASES = [
    (lab, driver)
    for lab, drivers in {
        "plain": ("pg8000", "asyncpg-asyncio"),
        "multi_az": ("pg8000", "asyncpg-asyncio"),
        "plain_mysql": ("mysqlclient", "mariadb", "mysql-connector-C", "aiomysql-asyncio"),
        "multi_az_mysql": ("pymysql", "mysql-connector-pure"),
    }.items()
    for driver in drivers
]
pytestmark = pytest.mark.parametrize("case", CASES, ids="-".join, indirect=True)


def named(cluster, instance):
    """Return what the agent calls an instance."""
    if cluster.kind == "multi-az":
        return instance
    host, port = cluster.plain_address(instance)
    return f"{instance}:{port}" if cluster.engine == "mysql" else f"{host}:{port}"


def test_a_switchover_leaves_no_session_on_the_old_writer(start, cluster, connect, driver):
    agent = start(**driver.settings(cluster))
    reader = connect(cluster.readers[-1])
    untouched = driver.session(reader)
    held = [connect() for _ in range(3)]
    assert kinds() == {cluster.kind}
    (known,) = {each.writer for each in aurora_otel.snapshot().clusters if each.writer}
    assert known == named(cluster, cluster.writer)
    assert agent.tracked(known) == 3
    switch = cluster.failover(Failover.SWITCHOVER)
    errors = [attempt(functools.partial(write, held[0]))]
    eventually(lambda: agent.tracked(known) == 0)
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    errors += [attempt(functools.partial(write, each)) for each in held[1:]]
    assert all(isinstance(error, driver.errors) for error in errors)
    fresh = connect()
    write(fresh)
    assert serving(cluster, fresh) == switch.new_writer
    assert driver.session(reader) == untouched
    # The old sessions may have ended by themselves before.
    eventually(lambda: agent.exported.metric("aurora.failovers") == 1)
    for connection in (*held, fresh, reader):
        attempt(connection.close)
