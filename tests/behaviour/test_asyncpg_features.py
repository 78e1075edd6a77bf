"""What applications do with asyncpg goes on working, and what it waits for is awaited."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import time
import warnings

import asyncpg
import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.drivers.awaited import LOOPS
from tests.support.drivers.engines import POSTGRESQL
from tests.support.inheriting import collect_in_a_child
from tests.support.labs import login_of
from tests.support.tls import Encrypted
from tests.support.waiting import eventually

WRITE = "INSERT INTO writes (x) VALUES ('asyncpg')"
KILL = "SELECT pg_terminate_backend(%s::int)"
on_each_loop = pytest.mark.parametrize("loop", LOOPS)


def window_open():
    return aurora_otel.snapshot().clusters[0].window_open


@pytest.fixture
def login(cluster):
    return login_of(cluster)


async def until_busy(cluster, connection):
    """Wait until the server is inside a statement of the connection's."""
    pid = connection.get_server_pid()
    while not cluster.execute(cluster.writer, POSTGRESQL.is_busy, pid):  # noqa: ASYNC110 - asked
        await asyncio.sleep(0.01)


# Each goes to the network; what is in its hands when the session is ended fails.
async def copy_in(connection):
    async def rows():
        yield b"a\n"
        while not connection.is_closed():  # noqa: ASYNC110 - it notices when it sends
            await asyncio.sleep(0.01)
        yield b"b\n"

    await connection.copy_to_table("writes", source=rows(), columns=["x"])


async def copy_out(connection):
    await connection.copy_from_query("SELECT pg_sleep(30)", output=io.BytesIO())


async def cursor(connection):
    async with connection.transaction():
        async for _ in connection.cursor("SELECT pg_sleep(30)"):
            pass


CALLS = {
    "execute": lambda connection: connection.execute("SELECT pg_sleep(30)"),
    "execute with arguments": lambda connection: connection.execute("SELECT pg_sleep($1)", 30),
    "fetch": lambda connection: connection.fetch("SELECT pg_sleep(30)"),
    "executemany": lambda connection: connection.executemany("SELECT pg_sleep($1)", [(30,), (30,)]),
    "copy in": copy_in,
    "copy out": copy_out,
    "cursor": cursor,
}


@pytest.mark.parametrize("call", CALLS)
def test_a_connection_that_is_lost_in_a_call_is_a_symptom(start, cluster, login, play, call):
    agent = start(prune_interval=600)

    async def application():
        connection = await asyncpg.connect(**login)
        calling = asyncio.ensure_future(CALLS[call](connection))
        await until_busy(cluster, connection)
        assert not window_open()
        cluster.execute(cluster.writer, KILL, connection.get_server_pid())
        # The last one: between a server's last word and the end of its connection.
        lost = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
        with pytest.raises(lost):
            await calling
        assert window_open()

    play(application())
    assert agent.tracked() == 0
    assert agent.exported.metric("aurora.connection.closes") == 1


def test_a_connection_that_is_lost_while_it_is_idle_is_a_symptom(start, cluster, login, play):
    agent = start(prune_interval=600)

    async def application():
        connection = await asyncpg.connect(**login)
        cluster.execute(cluster.writer, KILL, connection.get_server_pid())
        # No call has failed yet.
        while not window_open():  # noqa: ASYNC110 - seen on another thread
            await asyncio.sleep(0.01)
        assert connection.is_closed()

    play(application())
    assert agent.tracked() == 0


@on_each_loop
def test_the_applications_own_time_out_does_not_hide_a_hang(start, cluster, login, play, loop):
    """Each call is cancelled after a moment, long before `STUCK_AFTER` is over."""
    agent = start(stuck_after=60, refresh_timeout=5)

    async def write(pool):
        async with pool.acquire() as connection:
            await connection.execute(WRITE)

    async def application():
        async with asyncpg.create_pool(**login, min_size=4, max_size=4) as pool:
            await write(pool)
            switch = cluster.failover(Failover.HANG)
            # The release of each waits for the server to cancel, whatever the time-out.
            units = [asyncio.wait_for(write(pool), 0.4) for _ in range(4)]
            failed = await asyncio.gather(*units, return_exceptions=True)
            assert all(isinstance(each, BaseException) for each in failed)
            await write(pool)
        assert agent.tracked(switch.old_writer) == 0

    play(application())
    assert agent.exported.metric("aurora.failovers", failover_symptom="stuck") == 1


def test_a_cancelled_statement_on_a_healthy_server_leaves_the_connection(
    agent, cluster, login, play
):
    async def application():
        connection = await asyncpg.connect(**login)
        cancelled = asyncio.ensure_future(connection.execute("SELECT pg_sleep(30)"))
        await until_busy(cluster, connection)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        with pytest.raises(asyncio.TimeoutError):
            await connection.execute("SELECT pg_sleep(30)", timeout=1)
        assert await connection.fetchval("SELECT 1") == 1
        (track,) = [
            track
            for each in agent.internals.clusters
            for track in agent.internals.tracker.tracks(each)
        ]
        while track.in_flight_since:  # noqa: ASYNC110 - cleared by a timer
            await asyncio.sleep(0.01)
        await connection.close()

    play(application())
    assert not window_open()


def test_a_second_call_on_a_busy_connection_is_refused_as_ever(agent, cluster, login, play):
    async def application():
        connection = await asyncpg.connect(**login)
        first = asyncio.ensure_future(connection.fetchval("SELECT pg_sleep(30)"))
        await until_busy(cluster, connection)
        with pytest.raises(asyncpg.InterfaceError, match="another operation"):
            await connection.fetchval("SELECT 1")
        cluster.execute(cluster.writer, POSTGRESQL.cancel, connection.get_server_pid())
        with pytest.raises(asyncpg.QueryCanceledError):
            await first
        await connection.close()

    play(application())
    assert not window_open()


def test_notifications_and_listeners_of_an_ending_work_in_the_applications_own_context(
    agent, cluster, login, play
):
    tenant = contextvars.ContextVar("tenant", default="none")

    async def application():
        heard, ended = asyncio.Event(), asyncio.Event()
        seen = []
        tenant.set("the application's")
        connection = await asyncpg.connect(**login)
        tenant.set("another")
        await connection.add_listener("news", lambda *args: (seen.append(args[3]), heard.set()))
        connection.add_termination_listener(lambda _: (seen.append(tenant.get()), ended.set()))
        await connection.execute("NOTIFY news, 'today'")
        await asyncio.wait_for(heard.wait(), 10)
        cluster.execute(cluster.writer, KILL, connection.get_server_pid())
        await asyncio.wait_for(ended.wait(), 10)
        assert seen == ["today", "the application's"]

    play(application())


def test_a_connection_that_was_asked_works_in_the_applications_context(agent, login, play):
    seen = []

    async def application():
        connection = await asyncpg.connect(**login)
        heard = asyncio.Event()

        def listener(*_):
            seen.append((agent.internals.shield.is_inside, is_instrumentation_enabled()))
            heard.set()

        await connection.add_listener("news", listener)
        await connection.execute("NOTIFY news")
        await asyncio.wait_for(heard.wait(), 10)
        await connection.close()

    play(application())
    assert seen == [(False, True)]


def test_a_password_may_come_from_a_coroutine_function(agent, cluster, login, play):
    async def password():
        await asyncio.sleep(0)
        return cluster.password

    async def application():
        connection = await asyncpg.connect(**{**login, "password": password})
        await connection.close()

    play(application())
    (monitor,) = (each.monitor for each in agent.internals.clusters)
    assert monitor.access.driver.password(monitor.access.login) == cluster.password


def test_classes_of_the_applications_own_stay_what_they_are(agent, login, play):
    class Connection(asyncpg.Connection):
        """It has attributes of its own."""

    class Record(asyncpg.Record):
        def first(self):
            return self[0]

    async def application():
        connection = await asyncpg.connect(
            **login, connection_class=Connection, record_class=Record
        )
        assert type(connection) is Connection
        assert (await connection.fetchrow("SELECT 1")).first() == 1
        assert agent.tracked() == 1
        await connection.close()
        assert agent.tracked() == 0

    play(application())


def test_identification_leaves_nothing_behind(agent, login, play):
    async def application():
        connection = await asyncpg.connect(**login, command_timeout=5)
        assert not connection.is_in_transaction()
        assert connection._stmt_cache._entries == {}
        # That of the question itself.
        assert await connection.fetchval("SELECT count(*) FROM pg_prepared_statements") == 1
        statement = await connection.prepare("SELECT $1::int + 1")
        await connection.execute("SET application_name = 'mine'")
        await connection.reset()
        assert await statement.fetchval(1) == 2
        async with connection.transaction():
            rows = [row async for row in connection.cursor("SELECT generate_series(1, 100)")]
        assert len(rows) == 100
        await connection.close()

    play(application())


@on_each_loop
def test_a_server_that_speaks_tls_is_asked_and_verified_by_the_agent(  # noqa: PLR0913, PLR0917 - fixtures
    start, cluster, login, play, loop, tmp_path
):
    with Encrypted(cluster.address(cluster.writer), tmp_path).running() as server:
        host, port = server.address
        agent = start(instance_endpoints=f"{cluster.writer}={host}:{port}")
        secure = {**login, "host": host, "port": port, "ssl": server.trust}

        async def application():
            connection = await asyncpg.connect(**secure)
            assert agent.tracked(cluster.writer) == 1
            (monitor,) = (each.monitor for each in agent.internals.clusters)
            access = monitor.access

            def ask():
                own = access.driver.monitor(access.login, None, 20)
                try:
                    return own.ask("SELECT 'a', NULL", 20)
                finally:
                    own.close()

            # As a refresh does: its monitoring connections block a thread, and no loop.
            assert [*map(list, await asyncio.to_thread(ask))] == [["a", None]]
            await connection.close()

        play(application())


def test_loops_that_come_and_go_are_none_of_the_agents_business(agent, login):
    async def application(*, close):
        connection = await asyncpg.connect(**login)
        await connection.execute(WRITE)
        if close:
            await connection.close()

    asyncio.run(application(close=True))
    # What a loop leaves open when it ends is garbage, and says so.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(application(close=False))
        gc.collect()
    asyncio.run(application(close=True))
    eventually(lambda: gc.collect() is not None and agent.tracked() == 0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_child_that_collects_what_it_inherited_leaves_its_parents_connection(
    agent, login, play
):
    async def application():
        held = [await asyncpg.connect(**login)]
        collect_in_a_child(held)
        assert await asyncio.wait_for(held[0].fetchval("SELECT 1"), 10) == 1
        await held[0].close()

    play(application())


def test_a_connection_that_is_lost_while_it_is_given_back_raises_nothing(agent, login, play):
    async def application():
        async with asyncpg.create_pool(**login, min_size=1, max_size=1) as pool:
            connection = await pool.acquire()
            giving_back = asyncio.ensure_future(pool.release(connection))
            # The pool has begun a task that gives it back, and that has not had its turn.
            await asyncio.sleep(0)
            connection._con.terminate()
            await giving_back
            async with pool.acquire() as another:
                assert await another.fetchval("SELECT 1") == 1
            assert (pool.get_size(), pool.get_idle_size()) == (1, 1)

    play(application())


def test_a_connection_that_is_invalidated_while_it_is_reset_raises_nothing(
    agent, cluster, login, play
):
    async def application():
        resetting, invalidated = asyncio.Event(), asyncio.Event()

        class Connection(asyncpg.Connection):
            async def reset(self, *, timeout=None):
                resetting.set()
                await invalidated.wait()
                await super().reset(timeout=timeout)

        one = {"min_size": 1, "max_size": 1, "connection_class": Connection}
        async with asyncpg.create_pool(**login, **one) as pool:
            another = await asyncpg.connect(**login)
            giving_back = asyncio.ensure_future(pool.release(await pool.acquire()))
            await resetting.wait()
            await asyncio.to_thread(cluster.failover, Failover.SWITCHOVER)
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await another.execute(WRITE)
            invalidated.set()
            await giving_back
            async with pool.acquire() as renewed:
                await renewed.execute(WRITE)

    play(application())


def test_a_connection_that_is_lost_while_it_is_reset_takes_no_other_with_it(
    start, cluster, login, play
):
    # asyncpg frees the place at once, and ends what is there once the reset has failed.
    start(refresh_timeout=2)

    async def application():
        class Connection(asyncpg.Connection):
            async def reset(self, *, timeout=None):
                await self.execute("SELECT pg_sleep(60)")

        one = {"min_size": 1, "max_size": 1, "connection_class": Connection}
        async with asyncpg.create_pool(**login, **one) as pool:
            lent = await pool.acquire()
            number = lent.get_server_pid()
            # No writer confirms itself: a call that waits for a verdict waits in vain.
            cluster.set_read_only(cluster.writer, on=True)
            giving_back = asyncio.ensure_future(pool.release(lent))
            another = await asyncpg.connect(**login)
            await another.execute(f"SELECT pg_terminate_backend({number})")
            following = await pool.acquire()
            with pytest.raises(asyncpg.PostgresConnectionError):
                await giving_back
            cluster.set_read_only(cluster.writer, on=False)
            assert await following.fetchval("SELECT 1") == 1
            following.terminate()
            await another.close()

    play(application())


def test_many_connects_cost_a_login_each_and_none_is_closed_by_the_agent(start, login, play):
    agent = start()

    async def application():
        for _ in range(10):
            held = await asyncio.gather(*(asyncpg.connect(**login) for _ in range(20)))
            assert not any(connection.is_closed() for connection in held)
            assert await held[-1].fetchval("SELECT 1") == 1
            await asyncio.gather(*(connection.close() for connection in held))

    play(application())
    assert agent.exported.metric("aurora.connection.opens") == 200
    assert agent.exported.metric("aurora.connection.closes") == 200
    assert agent.exported.metric("aurora.connection.invalidations") == 0


@on_each_loop
def test_the_loop_goes_on_while_a_call_waits_for_a_verdict(start, cluster, login, play, loop):
    start(refresh_timeout=2)

    async def application():
        connection = await asyncpg.connect(**login)
        cluster.set_read_only(cluster.writer, on=True)
        refused = asyncio.ensure_future(connection.execute(WRITE))
        turns = 0
        began = time.monotonic()
        while not refused.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert isinstance(refused.exception(), asyncpg.ReadOnlySQLTransactionError)
        # It has waited for a verdict that did not come, and the loop has had its turns meanwhile.
        assert turns > (time.monotonic() - began) / 0.1
        cluster.set_read_only(cluster.writer, on=False)
        await connection.close()

    play(application())
