"""No secret in what is exported of a failover, with all drivers of an engine in it."""

from __future__ import annotations

import pytest

from aurora_otel.lab import Failover
from tests.secrets.conftest import ANOTHER
from tests.secrets.search import found, sinks
from tests.support.drivers.descriptors import DRIVERS
from tests.support.drivers.engines import MYSQL, POSTGRESQL
from tests.support.drivers.unknown import UNKNOWN
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.sql import attempt, run
from tests.support.waiting import eventually

LITERAL = "canary-of-a-literal"
WRITE = f"INSERT INTO writes (x) VALUES ('{LITERAL}')"


@pytest.fixture(params=[POSTGRESQL, MYSQL], ids=lambda engine: engine.name)
def engine(request):
    return request.param


@pytest.fixture
def cluster(engine, request):
    lab = request.getfixturevalue(engine.lab)
    lab.heal()
    return lab


@pytest.fixture
def drivers(engine):
    found_here = [each for each in (*DRIVERS, *UNKNOWN) if each.engine is engine]
    for each in found_here:
        each.introduce()
    return found_here


def test_a_failover_with_every_driver_exports_no_secret(
    start, cluster, drivers, rotate, every_record
):
    secrets = [cluster.password, ANOTHER, LITERAL]
    writer = ":".join(map(str, cluster.address("writer")))
    agent = start(
        writer_endpoints=writer,
        query_spans="summary",
        refresh_timeout=0.5,
        straight_connects="off",  # the misrouted connection is to stay one
    )
    held = [each.connect(cluster) for each in drivers for _ in range(2)]
    rotate()
    cluster.dns_lag = 600
    switch = cluster.failover(Failover.SWITCHOVER)
    for connection in held[::2]:
        assert attempt(lambda c=connection: run(c, WRITE)) is not None
    # No login of the agent's works, so that it does not learn of the new writer.
    eventually(lambda: any(each.monitor.login_rejected for each in agent.internals.clusters))
    assert agent.tracked(switch.old_writer) >= len(held)

    misrouted = drivers[0].connect(cluster)  # the names still lead to the old writer
    eventually(lambda: agent.tracked(switch.old_writer) < len(drivers))
    for connection in (*held, misrouted):
        assert attempt(lambda c=connection: run(c, WRITE)) is not None
        attempt(connection.close)
    assert agent.exported.spans("failover")
    assert agent.exported.metric("aurora.connection.misroutes") == 1
    assert found(secrets, sinks(agent.exported, every_record)) == set()
