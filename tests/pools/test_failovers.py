"""A failover under pools whose connections are all idle: how many units of work fail."""

from __future__ import annotations

import pytest

from aurora_otel.lab import Failover
from tests.pools.crew import Crew
from tests.support.pools.cases import CASES, EVERYTHING, fill
from tests.support.waiting import eventually

# A thousand units of work with a connection each are a matter of minutes.
pytestmark = [pytest.mark.timeout(600)] if EVERYTHING else []
THREADS = 8
# Seconds for which a refused call waits for the verdict: on a busy machine that takes its time. A
# server that hangs is given up after a share of them.
PATIENCE = {Failover.SWITCHOVER: 20, Failover.CRASH: 20, Failover.HANG: 1}
# One of each library: what differs between the others is not how many threads there are.
SINGLE = tuple(
    next(case for case in CASES if case.kind.library == library)
    for library in dict.fromkeys(case.kind.library for case in CASES)
)


@pytest.mark.parametrize("how", Failover)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_at_most_one_unit_a_thread_fails_and_none_where_the_failover_is_known(
    start, cluster, open_pool, case, how
):
    settings = case.driver.settings(cluster)
    agent = start(stuck_after=0.5, refresh_timeout=PATIENCE[how], **settings)
    unaware, aware = open_pool(), open_pool()
    crews = [Crew(THREADS, pool.write, pool.leave) for pool in (unaware, aware)]
    for pool in (unaware, aware):
        fill(pool, case.kind.idle)
    switch = cluster.failover(how)
    crews[0].work(case.units)
    assert max(map(len, crews[0].failures)) <= 1, crews[0].failures
    # The other pool's connections are as idle as they were, and the process knows by now.
    assert crews[1].work(case.units) == []
    # Not one is left there, and the pools are as large as they were.
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    assert agent.tracked(switch.old_writer) == 0
    for pool in (unaware, aware):
        fill(pool, case.kind.idle)
        assert pool.size() in (case.kind.idle, None)
    if case.kind.idle:
        eventually(lambda: agent.tracked() == 2 * case.kind.idle)
        assert agent.tracked(switch.new_writer) == 2 * case.kind.idle


@pytest.mark.parametrize("how", Failover)
@pytest.mark.parametrize("case", SINGLE, ids=str)
def test_at_most_one_unit_fails_where_one_thread_works(start, cluster, open_pool, case, how):
    start(stuck_after=0.5, refresh_timeout=PATIENCE[how], **case.driver.settings(cluster))
    pool = open_pool()
    crew = Crew(1, pool.write, pool.leave)
    fill(pool, case.kind.idle)
    switch = cluster.failover(how)
    assert len(crew.work(100)) <= 1
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
