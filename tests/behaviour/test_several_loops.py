"""Several event loops in one process, each on a thread, through one failover."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from aurora_otel.lab import Failover
from tests.behaviour.left_on_loops import left_on
from tests.support.drivers.awaited import LOOPS
from tests.support.labs import login_of
from tests.support.waiting import eventually

WRITE = "INSERT INTO writes (x) VALUES ('several loops')"
THREADS = 4
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


@pytest.mark.parametrize("kind", LOOPS)
def test_a_failover_has_one_write_refused_on_each_loop_at_most_and_none_on_an_idle_connection(
    start, cluster, kind
):
    agent, login = start(), login_of(cluster)
    opened, switched, noticed = threading.Barrier(THREADS + 1), threading.Event(), threading.Event()

    async def application():
        writing, idle = [await asyncpg.connect(**login) for _ in range(2)]
        await idle.execute(WRITE)
        await asyncio.to_thread(opened.wait, 60)
        await asyncio.to_thread(switched.wait, 60)
        refused = 0
        while True:
            try:
                await writing.execute(WRITE)
                break
            except LOST as error:
                refused += isinstance(error, asyncpg.ReadOnlySQLTransactionError)
                if writing.is_closed():
                    writing = await asyncpg.connect(**login)
        await asyncio.to_thread(noticed.wait, 60)
        with pytest.raises(LOST) as lost:
            await idle.execute(WRITE)
        await writing.close()
        return refused, type(lost.value)

    def run(_):
        loop = LOOPS[kind]()
        try:
            return loop.run_until_complete(application()), left_on(loop)
        finally:
            loop.close()

    with ThreadPoolExecutor(THREADS) as threads:
        running = [threads.submit(run, number) for number in range(THREADS)]
        opened.wait(60)
        switch = cluster.failover(Failover.SWITCHOVER)
        switched.set()
        eventually(lambda: agent.tracked(switch.old_writer) == 0)
        noticed.set()
        found = [each.result(60) for each in running]
    assert agent.exported.metric("aurora.failovers") == 1
    for (refused, lost), left in found:
        assert refused <= 1
        assert not issubclass(lost, asyncpg.ReadOnlySQLTransactionError)
        assert left == []
