"""A failover under an event loop with many connections: how long the agent holds the loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import threading

import asyncpg
import pytest

from aurora_otel.lab import Cluster, Failover, postgres_settings
from aurora_otel.runtime import blocking
from tests.behaviour import loop_time
from tests.behaviour.left_on_loops import left_on
from tests.support.drivers.awaited import LOOPS
from tests.support.labs import as_new, create_table, login_of
from tests.support.sql import WRITE

# `make test-async`: as many as a service has at most.
EVERYTHING = os.environ.get("TEST_ASYNC", "") == "all"
CONNECTIONS = 1000 if EVERYTHING else 200
WRITERS = 4
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
# Seconds.
LIMIT = 0.005
# So many failovers are measured, until one keeps to the limit.
MOST = 3


@pytest.fixture(scope="module")
def lab():
    """A cluster that allows as many connections as are needed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(postgres_settings._SETTINGS, "max_connections", str(CONNECTIONS + 100))
        with Cluster("lab") as cluster:
            create_table(cluster)
            yield cluster


async def use_what_was_not_asked(held):
    """Write where the agent could not ask, while many were opened at once: it does so then."""
    for connection in held:
        if not connection.is_closed():
            with contextlib.suppress(*LOST):
                await connection.execute(WRITE)


@pytest.fixture
def application(cluster):
    """Holds connections and writes, while `during` is called on another thread."""
    login = login_of(cluster)

    async def connect():
        return await asyncpg.connect(**login, timeout=60)

    async def application(during, held_open):
        held = []
        while len(held) < held_open:
            held += await asyncio.gather(*(connect() for _ in range(20)))
        written, stopped = [], asyncio.Event()

        async def write():
            connection = None
            while not stopped.is_set():
                await asyncio.sleep(0.02)
                with contextlib.suppress(*LOST):
                    if connection is None or connection.is_closed():
                        connection = await connect()
                    await connection.execute(WRITE)
                    written.append(True)
            await connection.close()

        writers = [asyncio.ensure_future(write()) for _ in range(WRITERS)]
        for step in (lambda: None, during):
            await asyncio.to_thread(step)
            before = len(written)
            while len(written) < before + 5 * WRITERS:  # noqa: ASYNC110 - counted, not awaited
                await asyncio.sleep(0.02)
        stopped.set()
        await asyncio.gather(*writers)
        # Of the old writer's, none is left open.
        await use_what_was_not_asked(held)
        assert all(connection.is_closed() for connection in held)

    return application


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="there, a profile counts the calls of other threads, too"
)
@pytest.mark.timeout(400)
@pytest.mark.parametrize("how", [Failover.SWITCHOVER, Failover.CRASH])
def test_a_failover_with_many_connections_holds_the_loop_for_5_ms_at_most(
    start, cluster, application, how, monkeypatch
):
    agent = start()
    blocked = set()
    plain = blocking._carry_out

    def carry_out(effect):
        blocked.add(threading.get_ident())
        return plain(effect)

    monkeypatch.setattr(blocking, "_carry_out", carry_out)

    def longest_turn():
        loop = asyncio.new_event_loop()
        measured = []

        def during():
            measured.append(loop_time.measure(loop))
            cluster.failover(how)

        loop.run_until_complete(application(during, CONNECTIONS))
        loop.close()
        return max(measured[0])

    longest = [longest_turn()]
    # What else the machine does makes a turn longer, and none shorter.
    while min(longest).ours > LIMIT and len(longest) < MOST:
        as_new(cluster)
        longest.append(longest_turn())
    assert agent.exported.metric("aurora.failovers") == len(longest)
    assert min(longest).ours <= LIMIT, longest
    # Nor did any step of the agent's wait there as it does in a thread.
    assert threading.get_ident() not in blocked


def begins_in_the_agent(complaint):
    """Return whether asyncio complains of something that begins in the agent's code.

    A turn of the application's may take long where the machine is busy; what it waits for then may
    have been made in the agent's code.
    """
    return "aurora_otel" in complaint.partition(" wait_for=")[0]


@pytest.mark.parametrize("kind", LOOPS)
def test_what_is_left_on_a_loop_is_seen(kind):
    loop = LOOPS[kind]()
    try:
        handles = [loop.call_later(60, print), loop.call_soon(print)]
        assert set(map(id, left_on(loop))) == set(map(id, handles))
        for each in handles:
            each.cancel()
        assert left_on(loop) == []
    finally:
        loop.close()


@pytest.mark.parametrize("kind", LOOPS)
def test_a_failover_leaves_nothing_on_a_loop_that_is_debugged(
    start, cluster, application, kind, caplog
):
    start()
    loop = LOOPS[kind]()
    loop.set_debug(enabled=True)
    # Time on the wall, which a busy machine takes: for how long it is held, see above.
    loop.slow_callback_duration = 10.0

    async def whole():
        await application(lambda: cluster.failover(Failover.SWITCHOVER), 20)
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert loop.run_until_complete(whole()) == set()
    assert left_on(loop) == []
    loop.close()
    gc.collect()
    complaints = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
    assert [each for each in complaints if "never" in each or begins_in_the_agent(each)] == []
