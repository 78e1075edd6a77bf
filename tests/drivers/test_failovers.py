"""The writer changes, and no session of any driver's is left where it does not belong."""

from __future__ import annotations

import functools

import pytest

from aurora_otel.lab import Failover
from tests.support.drivers.engines import WRITE
from tests.support.drivers.long_calls import one_of_each
from tests.support.sql import attempt, run, write
from tests.support.waiting import eventually


@pytest.mark.parametrize("kind", list(Failover), ids=lambda kind: kind.value)
def test_no_stale_session_is_left_whatever_its_owner_is_doing(start, cluster, link, driver, kind):
    agent, connect = start(stuck_after=0.5, **link.settings), link.connect
    readers = [connect("reader"), connect(cluster.readers[-1])]
    untouched = [driver.session(connection) for connection in readers]
    used, idle, in_transaction = [connect() for _ in range(3)]
    driver.session(idle)
    run(in_transaction, WRITE)
    calls = one_of_each(cluster, driver, connect)
    stale = [used, idle, in_transaction, *(call.connection for call in calls)]

    switch = cluster.failover(kind)
    if kind is not Failover.HANG:
        assert isinstance(attempt(lambda: write(used)), driver.errors)
    # One connection's next call has shown it; a hang shows by the call that does not return.
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    fresh = connect()

    # At once, but for those inside a statement.
    eventually(lambda: cluster.sessions(switch.old_writer) <= len(calls))
    for call in calls:
        call.cancel()
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    errors = [call.outcome() for call in calls]
    errors += [attempt(functools.partial(run, each, "SELECT 1")) for each in stale]
    for error in errors:
        assert isinstance(error, driver.errors)
        assert driver.code(error) != driver.engine.codes["read_only"]
    assert driver.serving(fresh) == switch.new_writer
    write(fresh)
    assert [driver.session(connection) for connection in readers] == untouched
    assert agent.exported.metric("aurora.failovers") == 1
    if kind is Failover.HANG:
        assert agent.exported.metric("aurora.failovers", failover_symptom="stuck") == 1
    invalidated = agent.exported.metric("aurora.connection.invalidations", driver=driver.name)
    assert invalidated == agent.exported.metric(
        "aurora.connection.invalidations", invalidation_outcome="closed"
    )
    for connection in (*stale, fresh, *readers):
        attempt(connection.close)
