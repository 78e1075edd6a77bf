"""Each kind of cluster with the drivers that its own tests do not use: one switchover each."""

from __future__ import annotations

import functools

import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.kinds.conftest import kinds
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import BY_ID
from tests.support.labs import as_new
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.sql import attempt, run, write
from tests.support.waiting import eventually

KNOWN = {**BY_ID, **{each.id: each for each in ASYNC_DRIVERS}}
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
SERVING = {"postgresql": "SELECT current_setting('cluster_name')", "mysql": "SELECT @@report_host"}


@pytest.fixture(params=CASES, ids="-".join)
def case(request):
    return request.param


@pytest.fixture
def cluster(case, request):
    return as_new(request.getfixturevalue(case[0]))


@pytest.fixture
def driver(case):
    return KNOWN[case[1]]


@pytest.fixture
def connect(driver, cluster):
    return functools.partial(driver.connect, cluster)


def named(cluster, instance):
    """Return what the agent calls an instance."""
    if cluster.kind == "multi-az":
        return instance
    host, port = cluster.plain_address(instance)
    return f"{instance}:{port}" if cluster.engine == "mysql" else f"{host}:{port}"


def serving(cluster, connection):
    ((instance,),) = run(connection, SERVING[cluster.engine])
    connection.rollback()
    return instance


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
    assert agent.exported.metric("aurora.failovers") == 1
    for connection in (*held, fresh, reader):
        attempt(connection.close)
