"""What MySQL's drivers for event loops have in common, while a loop may cancel or has to go on."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import aiomysql
import asyncmy
import mysql.connector.aio
import pytest

from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.awaited import LOOPS
from tests.support.mysql import writer_endpoint
from tests.support.waiting import eventually

WRITE = "INSERT INTO writes (x) VALUES ('on a loop')"
REFUSED = 1290
on_each_loop = pytest.mark.parametrize("loop", LOOPS)


class Library(NamedTuple):
    """A driver: what connects, and what ends a connection at once."""

    connect: Callable[..., Any]
    end: Callable[[Any], Any]


async def _close(connection: Any) -> None:
    connection.close()


LIBRARIES = {
    "aiomysql": Library(aiomysql.connect, _close),
    "asyncmy": Library(asyncmy.connect, _close),
    "mysql-connector-aio": Library(
        mysql.connector.aio.connect, lambda connection: connection.close()
    ),
}
pytestmark = pytest.mark.parametrize("name", LIBRARIES)


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


@pytest.fixture
def library(name):
    return LIBRARIES[name]


@pytest.fixture
def login(name, cluster):
    driver = next(each for each in ASYNC_DRIVERS if each.name == name)
    return driver.login(cluster, host="address")


async def executed(connection, statement):
    cursor = await connection.cursor()
    await cursor.execute(statement)
    await cursor.close()


@on_each_loop
def test_a_cancelled_connect_leaves_no_session(start, cluster, library, login, play):
    agent = start(writer_endpoints=writer_endpoint(cluster))

    async def application():
        held = await library.connect(**login)
        connecting = [asyncio.ensure_future(library.connect(**login)) for _ in range(20)]
        for number, each in enumerate(connecting):
            asyncio.get_running_loop().call_later(number / 1000, each.cancel)
        made = await asyncio.gather(*connecting, return_exceptions=True)
        for each in (held, *made):
            if not isinstance(each, BaseException):
                await library.end(each)

    with warnings.catch_warnings():
        # What drivers leave open themselves where they are cancelled while they log in.
        warnings.simplefilter("ignore", ResourceWarning)
        play(application())
        gc.collect()
    eventually(lambda: cluster.sessions(cluster.writer) == 0)
    eventually(lambda: agent.tracked() == 0)


@on_each_loop
def test_the_loop_goes_on_while_a_call_waits_for_a_verdict(start, cluster, library, login, play):
    start(refresh_timeout=2, writer_endpoints=writer_endpoint(cluster))

    async def application():
        connection = await library.connect(**login)
        cluster.set_read_only(cluster.writer, on=True)
        refused = asyncio.ensure_future(executed(connection, WRITE))
        turns = 0
        while not refused.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert refused.exception().args[0] == REFUSED
        # It has waited for a verdict that did not come, and the loop has had its turns meanwhile.
        assert turns > 10
        cluster.set_read_only(cluster.writer, on=False)
        await library.end(connection)

    play(application())
