"""Stale DNS: a connection through the writer endpoint that lands on a reader."""

from __future__ import annotations

from aurora_otel.lab import Failover
from tests.support.lagging_names import stale_until_a_misroute
from tests.support.sql import write
from tests.support.waiting import eventually


def test_a_misrouted_connect_is_repeated_and_counted(start, cluster, link, driver):
    agent, connect = start(refresh_timeout=10, **link.settings), link.connect
    first = connect()
    with stale_until_a_misroute(agent, cluster):
        switch = cluster.failover(Failover.SWITCHOVER)
        second = connect()
    assert driver.serving(second) == switch.new_writer
    write(second)
    misroutes = agent.exported.metric("aurora.connection.misroutes", driver=driver.name)
    assert misroutes == agent.exported.metric("aurora.connection.misroutes") == 1
    # What was dropped on the way was never the application's: it is in no book.
    assert agent.exported.metric("aurora.connection.opens") == 2
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    first_is_gone = agent.exported.metric("aurora.connection.invalidations", driver=driver.name)
    assert first_is_gone == 1
    second.close()
    del first
