"""Another connection under the same object is tracked as what it is."""

from __future__ import annotations

import functools

import pytest

from aurora_otel.lab import Failover
from tests.support.drivers.engines import WRITE
from tests.support.hang_ups import await_hang_up
from tests.support.sql import run, write
from tests.support.waiting import eventually

# Both PyMySQL and mysqlclient want the application to open a new connection instead.
pytestmark = pytest.mark.filterwarnings("ignore:.*reconnect.* deprecated:DeprecationWarning")
NAMES = ("closes", "prunes", "invalidations")


def ended(agent, driver) -> float:
    """Count what came to an end, however it did."""
    metrics = (f"aurora.connection.{name}" for name in NAMES)
    return sum(agent.exported.metric(name, driver=driver.name) for name in metrics)


def test_a_reconnect_lands_on_the_new_writer(agent, cluster, connect, driver, reconnect):
    connection = connect()
    session = driver.session(connection)
    switch = cluster.failover(Failover.SWITCHOVER)
    cluster.execute(switch.old_writer, driver.engine.kill, session)
    # uvloop may meet a reset else, after which `ping` cannot close what it was.
    await_hang_up(connection)
    reconnect(connection)

    assert driver.serving(connection) == switch.new_writer
    write(connection)
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    assert agent.tracked(switch.new_writer) == 1
    assert agent.exported.metric("aurora.connection.opens", driver=driver.name) == 2
    assert ended(agent, driver) == 1
    # What comes next is found under the new instance, and shut down there.
    again = cluster.failover(Failover.SWITCHOVER)
    other = connect()
    eventually(lambda: agent.tracked(again.old_writer) == 0)
    eventually(lambda: cluster.sessions(again.old_writer) == 0)
    for each in (connection, other):
        each.close()
    assert agent.tracked() == 0


def test_a_reconnect_to_the_same_instance_counts_once(agent, cluster, connect, driver, reconnect):
    connection = connect()
    for opened in (2, 3):
        cluster.execute(cluster.writer, driver.engine.kill, driver.session(connection))
        await_hang_up(connection)
        reconnect(connection)
        run(connection, WRITE)
        connection.commit()
        eventually(functools.partial(lambda o: ended(agent, driver) == o - 1, opened))
        assert agent.tracked() == agent.tracked(cluster.writer) == 1
        assert agent.exported.metric("aurora.connection.opens", driver=driver.name) == opened
    connection.close()
    assert agent.tracked() == 0
