"""A connect that goes straight to the writer checks its certificate as the application asked."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
import pg8000.dbapi
import psycopg
import psycopg2
import pytest

from aurora_otel.drivers import REGISTRY
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts
from tests.support.sql import run
from tests.support.straight import Straight
from tests.support.tls import Encrypted

# The host that the application gives, which leads nowhere; and the writer's own name.
NAMED = "orders.cluster-c0ffee123456.eu-west-1.rds.amazonaws.com"
OWN = "orders-1.c0ffee123456.eu-west-1.rds.amazonaws.com"
SELECT = "SELECT current_setting('cluster_name')"


def libpq(place, server):
    host, port, cluster = place
    return {
        "host": host,
        "port": port,
        "user": cluster.user,
        "password": cluster.password,
        "dbname": cluster.database,
        "sslmode": "verify-full",
        "sslrootcert": str(server.file),
    }


def by_parameters(place, server, tls):
    host, port, cluster = place
    login = {"user": cluster.user, "password": cluster.password, "database": cluster.database}
    return {"host": host, "port": port, **login, tls: server.trust}


def blocking(connect):
    with contextlib.closing(connect()) as connection:
        return run(connection, SELECT)[0][0]


async def by_asyncpg(*place):
    connection = await asyncpg.connect(**by_parameters(*place, "ssl"))
    found = await connection.fetchval(SELECT)
    # What cancels it goes to the same server, under the same name.
    with pytest.raises(asyncio.TimeoutError):
        await connection.execute("SELECT pg_sleep(60)", timeout=0.1)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    return found


async def by_async_psycopg(*place):
    async with await psycopg.AsyncConnection.connect(**libpq(*place)) as connection:
        return (await (await connection.execute(SELECT)).fetchone())[0]


WAYS = {
    "psycopg": (psycopg, lambda *place: blocking(lambda: psycopg.connect(**libpq(*place)))),
    "psycopg2": (psycopg2, lambda *place: blocking(lambda: psycopg2.connect(**libpq(*place)))),
    "pg8000": (
        pg8000,
        lambda *place: blocking(
            lambda: pg8000.dbapi.connect(**by_parameters(*place, "ssl_context"))
        ),
    ),
    "asyncpg": (asyncpg, lambda *place: asyncio.run(by_asyncpg(*place))),
    "AsyncConnection": (psycopg, lambda *place: asyncio.run(by_async_psycopg(*place))),
}


@pytest.fixture(params=WAYS)
def straight(request, cluster):
    """Connects straight to a server, while `NAMED` is given; returns which instance that was."""
    module, connect = WAYS[request.param]
    driver = next(each for each in REGISTRY if each.name == module.__name__).load()

    def straight(server, trusted):
        hooks = Straight(Whereabouts("writer", Address(*server.address), Address(OWN, 5432)))
        undo = driver.install(module, hooks, None)
        try:
            found = connect((NAMED, server.address[1], cluster), trusted)
        finally:
            undo()
        assert hooks.shown == Address(NAMED, server.address[1])
        return found

    return straight


@pytest.fixture
def server(cluster, tmp_path):
    """Starts a server with a certificate for these names."""
    with contextlib.ExitStack() as stack:

        def server(*names):
            directory = tmp_path / "-".join(names)
            directory.mkdir()
            made = Encrypted(cluster.address(cluster.writer), directory, names=names)
            return stack.enter_context(made.running())

        yield server


@pytest.mark.parametrize("names", [(NAMED,), (NAMED, OWN)], ids=["the endpoint's alone", "both"])
def test_it_is_checked_for_the_host_that_was_given(straight, server, cluster, names):
    found = server(*names)
    assert straight(found, found) == cluster.writer
    assert found.handshakes


@pytest.mark.parametrize("names", [(OWN,), ("localhost", "127.0.0.1")], ids=["own", "address"])
def test_one_for_another_name_is_refused(straight, server, names):
    found = server(*names)
    with pytest.raises(Exception, match=r"(?i)certificate"):
        straight(found, found)


def test_one_that_the_application_does_not_trust_is_refused(straight, server):
    with pytest.raises(Exception, match=r"(?i)certificate"):
        straight(server(NAMED, OWN), server(NAMED))
