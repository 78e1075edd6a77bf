"""What a pool takes back that is not stale when it is handed out, and is when it is given back."""

from __future__ import annotations

import pytest

from aurora_otel.lab import Failover
from tests.support.pools.cases import CASES, SIZE, fill
from tests.support.sql import attempt

# Those that hold more than one connection, each with one driver.
HOLDING = {case.kind.name: case for case in reversed(CASES) if case.kind.idle == SIZE}


@pytest.mark.parametrize("case", HOLDING.values(), ids=str)
def test_a_connection_that_is_invalidated_in_its_owners_hands_is_given_back_without_an_error(
    start, cluster, open_pool, case
):
    # A refused write waits for the verdict: on a busy machine that takes its time.
    agent = start(refresh_timeout=20)
    pool = open_pool()
    fill(pool, 2)
    with pool.checkout():
        switch = cluster.failover(Failover.SWITCHOVER)
        # Others find it out.
        attempts = [attempt(pool.write) for _ in range(SIZE)]
        assert len([error for error in attempts if error is not None]) <= 1
        assert agent.tracked(switch.old_writer) == 0
    assert [attempt(pool.write) for _ in range(SIZE)] == [None] * SIZE
