"""What was opened before the agent started is not tracked, and is counted on request."""

import gc

import pytest

import aurora_otel
from aurora_otel.drivers import NAMES

# libmariadb ends the process where another thread reads a connection that is being closed.
COUNTED = {*NAMES} - {"mariadb"}


def untracked(driver):
    # What failed tests left is held by their tracebacks, and counts, too.
    gc.collect()
    return aurora_otel.snapshot(count_untracked=True).untracked.get(driver.name)


def test_what_was_opened_before_the_agent_started_is_counted_where_that_can_be_known(
    start, cluster, driver
):
    start()
    others = untracked(driver) or 0
    # Tracked by an agent that is stopped then.
    earliest = driver.connect(cluster)
    assert untracked(driver) == (others if driver.name in COUNTED else None)
    aurora_otel.AuroraInstrumentor().uninstrument()
    early = driver.connect(cluster)
    start()
    assert aurora_otel.snapshot().untracked is None
    assert untracked(driver) == (others + 2 if driver.name in COUNTED else None)
    late = driver.connect(cluster)
    assert untracked(driver) == (others + 2 if driver.name in COUNTED else None)
    early.close()
    earliest.close()
    assert untracked(driver) == (others if driver.name in COUNTED else None)
    late.close()


def test_the_agents_own_connections_are_not_among_them(agent, cluster, driver):
    if driver.name not in COUNTED:
        pytest.skip("its connections are not counted")
    others = untracked(driver) or 0
    held = driver.connect(cluster)
    (known,) = agent.internals.clusters
    access = known.monitor.access
    own = access.driver.monitor(access.login, None, 20)
    assert untracked(driver) == others
    own.close()
    held.close()
