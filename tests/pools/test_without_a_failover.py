"""Where nothing fails over, a pool is as it is without us."""

from __future__ import annotations

import pytest

from tests.pools.crew import Crew
from tests.support.pools.cases import CASES, EVERYTHING, fill
from tests.support.sql import attempt, run

CHOSEN = [case for case in CASES if EVERYTHING or case.driver.name == case.kind.drivers[0]]


def statistics(pool, case):
    """Return what a pool reports after some work."""
    crew = Crew(4, pool.write, pool.leave)
    fill(pool, case.kind.idle)
    assert crew.work(100) == []
    return pool.statistics()


@pytest.mark.parametrize("case", CHOSEN, ids=str)
def test_no_connection_is_evicted_and_the_statistics_are_those_of_a_plain_run(
    start, cluster, open_pool, case
):
    plain = statistics(open_pool(), case)
    agent = start(**case.driver.settings(cluster))
    assert statistics(open_pool(), case) == plain
    # Nor in a refresh window, in which every checkout refreshes when that is due.
    other = case.driver.connect(cluster)
    for statement in (*case.driver.engine.read_only_transaction, "INSERT INTO writes VALUES (1)"):
        attempt(lambda statement=statement: run(other, statement))
    assert any(each.alert for each in agent.internals.clusters)
    assert statistics(open_pool(), case) == plain
    assert agent.exported.metric("aurora.connection.invalidations") == 0
    other.close()
