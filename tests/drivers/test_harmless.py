"""An error that is like that of a failover closes nothing."""

from __future__ import annotations

import pytest

import aurora_otel
from tests.support.sql import notes_of


@pytest.fixture
def held(agent, cluster, connect, driver):
    """Connections of all kinds that nothing may happen to; checked at the end of the test."""
    targets = ["writer", "reader", "custom", *cluster.instances]
    ours = [*map(connect, targets), connect("writer", "address")]
    sessions = [driver.session(connection) for connection in ours]
    yield ours
    assert [driver.session(connection) for connection in ours] == sessions
    assert agent.exported.metric("aurora.connection.invalidations") == 0
    assert agent.exported.metric("aurora.connection.stale") == 0
    assert agent.exported.metric("aurora.failovers") == 0
    for connection in ours:
        connection.close()


def test_an_error_that_is_no_failover_closes_nothing(held, driver, cluster, connect, harmless):
    error = harmless.provoke(driver, cluster, connect)
    assert notes_of(error) == []
    assert harmless.is_symptom or not aurora_otel.snapshot().clusters[0].window_open
