"""Behind a load balancer, one address stands for several servers, one after the other or in turn.

What leads to it leads on to whichever server the balancer has chosen; its sessions stay where they
are. The lab's balancer is on this host, as all its servers are: it counts as elsewhere here,
because the address of a tunnel on this host shows it nothing anyway.
"""

from __future__ import annotations

from contextlib import closing

import pytest

import aurora_otel
from aurora_otel.lab import Failover
from aurora_otel.model import peers
from tests.kinds.cases import _case, _cluster, _connect, _driver  # noqa: F401 - fixtures
from tests.kinds.conftest import kinds
from tests.support.drivers.descriptors import Place
from tests.support.drivers.harmless import read_only_transaction
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.sql import attempt, write
from tests.support.tunnels import Tunnel
from tests.support.waiting import eventually

# The fixture of the lab, and the drivers: among them those whose connections are asked nothing once
# the application has them.
CASES = [
    (lab, driver)
    for lab, drivers in {
        "lab": ("psycopg", "asyncpg-asyncio"),
        "mysql_lab": ("pymysql", "mysqlclient", "mariadb"),
        "multi_az": ("psycopg",),
        "multi_az_mysql": ("mysqlclient",),
        "plain": ("psycopg",),
        "plain_mysql": ("mysqlclient",),
    }.items()
    for driver in drivers
]
pytestmark = pytest.mark.parametrize("case", CASES, ids="-".join, indirect=True)


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch):
    """Have no address be one of this host."""
    monkeypatch.setattr(peers, "is_of_this_host", lambda _: False)


@pytest.fixture
def balancer(cluster):
    with closing(Tunnel(cluster.address(cluster.writer))) as balancer:
        yield balancer


@pytest.fixture
def through(cluster, driver, balancer):
    """Connects through the balancer."""
    login = (cluster.user, cluster.password, cluster.database)
    place = Place("127.0.0.1", "127.0.0.1", balancer.port, *login)
    return lambda: driver.open(driver.arguments(place))


def counted():
    """Return how many connections are open to each instance."""
    known = (each for cluster in aurora_otel.snapshot().clusters for each in cluster.instances)
    open_now = {each.id: sum(each.connections.values()) for each in known}
    return {instance: number for instance, number in open_now.items() if number}


def test_a_failover_behind_it_leaves_no_session_on_the_old_writer(
    start, cluster, driver, balancer, through
):
    agent = start(instance_endpoints="", members="")
    held = [through() for _ in range(3)]
    assert kinds() == {cluster.kind}
    old = cluster.writer
    switch = cluster.failover(Failover.SWITCHOVER)
    balancer.target = cluster.address(switch.new_writer)
    attempt(lambda: write(held[0]))
    fresh = through()
    write(fresh)
    # The others are idle: nothing of the application's asks them.
    eventually(lambda: cluster.sessions(old) == 0)
    assert agent.exported.metric("aurora.failovers") == 1
    for connection in (*held, fresh):
        attempt(connection.close)


def test_an_error_that_is_no_failover_closes_nothing_and_loses_no_instance(
    start, cluster, driver, balancer, through
):
    agent = start(instance_endpoints="", members="")
    held, at = [], (cluster.writer, cluster.readers[0]) * 2
    for each in at:
        balancer.target = cluster.address(each)
        held.append(through())
    known = counted()
    assert sorted(known.values()) == [2, 2]
    for each in at[:2]:
        balancer.target = cluster.address(cluster.writer)
        aside = through()
        balancer.target = cluster.address(each)
        read_only_transaction(driver, cluster, lambda aside=aside: aside)
    eventually(lambda: agent.exported.spans("refresh topology"))
    assert counted() == known
    assert agent.exported.metric("aurora.connection.invalidations") == 0
    write(held[0])
    for connection in held:
        connection.close()
