"""What applications do with aiomysql goes on working, and what it waits for is awaited."""

from __future__ import annotations

import asyncio

import aiomysql
import pymysql
import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.drivers.awaited import LOOPS
from tests.support.inheriting import collect_in_a_child
from tests.support.mysql import end, writer_endpoint
from tests.support.waiting import eventually

WRITE = "INSERT INTO writes (x) VALUES ('aiomysql')"
on_each_loop = pytest.mark.parametrize("loop", LOOPS)


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


@pytest.fixture
def login(cluster):
    host, port = cluster.address("writer")
    login = {"user": cluster.user, "password": cluster.password, "db": cluster.database}
    return {"host": host, "port": port, **login}


@pytest.fixture
def agent(start, cluster):
    return start(writer_endpoints=writer_endpoint(cluster))


def window_open():
    return aurora_otel.snapshot().clusters[0].window_open


async def rows_of(connection, statement, *of):
    async with connection.cursor(*of) as cursor:
        await cursor.execute(statement)
        return await cursor.fetchall()


@pytest.mark.parametrize("autocommit", [True, False, None])
def test_a_fresh_connection_is_as_the_driver_made_it(start, cluster, login, play, autocommit):
    async def state():
        connection = await aiomysql.connect(**login, autocommit=autocommit)
        own = {"_reader", "_writer", "salt", "server_thread_id", "connected_time", "_last_usage"}
        # Of the last packet: the next one sets it again.
        own |= {"_next_seq_id", "_result", "_aurora_otel", "_aurora_otel_pid"}
        attributes = {name: each for name, each in vars(connection).items() if name not in own}
        of_statement = connection.affected_rows(), connection.insert_id()
        asked = await rows_of(connection, "SELECT @@in_transaction, @@warning_count")
        tracked = aurora_otel.snapshot().active and len(aurora_otel.snapshot().clusters)
        connection.close()
        return attributes, of_statement, asked, tracked

    async def application():
        *plain, before = await state()
        start(writer_endpoints=writer_endpoint(cluster))
        *ours, after = await state()
        assert (before, after) == (False, 1)
        assert ours == plain

    play(application())


@on_each_loop
def test_a_cancelled_call_ends_its_connection_as_ever_and_counts_as_a_close(agent, login, play):
    async def application():
        connection = await aiomysql.connect(**login)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(rows_of(connection, "SELECT SLEEP(30)"), 0.05)
        with pytest.raises(pymysql.InterfaceError, match="Cancelled during execution"):
            await rows_of(connection, "SELECT 1")
        assert connection.closed

    play(application())
    assert not window_open()
    assert agent.tracked() == 0
    assert agent.exported.metric("aurora.connection.closes") == 1


@on_each_loop
def test_the_applications_own_time_out_does_not_hide_a_hang(start, cluster, login, play):
    """Each call is cancelled after a moment, long before `STUCK_AFTER` is over."""
    agent = start(stuck_after=60, refresh_timeout=5, writer_endpoints=writer_endpoint(cluster))

    async def write(pool):
        async with pool.acquire() as connection:
            await rows_of(connection, WRITE)
            await connection.commit()

    async def application():
        async with aiomysql.create_pool(**login, minsize=4, maxsize=4) as pool:
            await write(pool)
            switch = cluster.failover(Failover.HANG)
            units = [asyncio.wait_for(write(pool), 0.4) for _ in range(4)]
            failed = await asyncio.gather(*units, return_exceptions=True)
            assert all(isinstance(each, BaseException) for each in failed)
            # aiomysql closes what is cancelled; what else is idle there, it does not know.
            assert agent.tracked(switch.old_writer) == 0
            await write(pool)

    play(application())
    # No call is in flight any more that could be one, but the refresh has been made.
    eventually(lambda: agent.exported.metric("aurora.failovers") == 1)


@on_each_loop
def test_a_connection_that_connects_again_is_another_one(start, cluster, login, play):
    # No round finds the session hung up before the call does.
    agent = start(prune_interval=600, writer_endpoints=writer_endpoint(cluster))

    async def application():
        connection = await aiomysql.connect(**login)
        first = connection._aurora_otel
        end(cluster, connection)
        with pytest.raises(pymysql.OperationalError):
            await connection.ping(reconnect=False)
        await connection.ping()
        assert first.closed
        assert connection._aurora_otel is not first
        assert await rows_of(connection, "SELECT 1") == ((1,),)
        await connection.ensure_closed()

    play(application())
    assert window_open()
    assert agent.tracked() == 0
    assert agent.exported.metric("aurora.connection.opens") == 2
    assert agent.exported.metric("aurora.connection.closes") == 2


def test_rows_dictionaries_and_converters_of_the_applications_own_are_its_own(agent, login, play):
    class Cursor(aiomysql.SSDictCursor):
        """An application's own."""

    failing = dict.fromkeys(pymysql.converters.decoders, lambda _: 1 / 0)

    async def application():
        connection = await aiomysql.connect(**login, cursorclass=Cursor)
        cursor = await connection.cursor()
        assert type(cursor) is Cursor
        await cursor.execute("SELECT seq FROM seq_1_to_5")
        assert await cursor.fetchone() == {"seq": 1}
        await cursor.close()
        assert await rows_of(connection, "SELECT 'x' AS x") == [{"x": "x"}]
        converting = await aiomysql.connect(**login, conv=failing, use_unicode=False)
        assert agent.tracked() == 2
        for each in (connection, converting):
            each.close()

    play(application())


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_child_that_collects_what_it_inherited_leaves_its_parents_connection(
    agent, login, play
):
    async def application():
        held = [await aiomysql.connect(**login)]
        collect_in_a_child(held)
        assert await asyncio.wait_for(rows_of(held[0], "SELECT 1"), 10) == ((1,),)
        held[0].close()

    play(application())
    assert agent.exported.metric("aurora.connection.closes") == 1
