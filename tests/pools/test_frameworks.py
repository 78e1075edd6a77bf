"""Frameworks and ORMs for event loops, each used as its documents show it, through a switchover."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

import aiohttp.web
import anyio
import asyncpg
import httpx
import pytest
import sqlmodel
from aiohttp.test_utils import TestClient, TestServer
from databases import Database
from litestar import Litestar
from litestar import get as litestar_get
from quart import Quart
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tortoise import Tortoise, fields
from tortoise.models import Model

from aurora_otel.lab import Cluster, Failover
from aurora_otel.lab.conninfo import url
from tests.support.labs import login_of
from tests.support.waiting import eventually

SIZE, TASKS, UNITS = 8, 4, 25
INSERT = "INSERT INTO writes (x) VALUES ('frameworks')"
# Writes once; raises where that fails.
Write = Callable[[], Awaitable[object]]


class Place(NamedTuple):
    """Where the writer is."""

    login: dict[str, Any]

    def url(self, scheme: str) -> str:
        return url(scheme, self.login, {})

    def pool(self) -> Any:
        return asyncpg.create_pool(**self.login, min_size=SIZE, max_size=SIZE)


async def _write(pool: Any) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(INSERT)


async def _get(client: Any) -> None:
    response = await client.get("/write")
    status = getattr(response, "status_code", None) or response.status
    if status != httpx.codes.OK:
        raise RuntimeError(status)


@asynccontextmanager
async def _starlette(place: Place) -> AsyncIterator[Write]:
    async def write(_: Any) -> PlainTextResponse:
        await _write(pool)
        return PlainTextResponse("written")

    async with place.pool() as pool:
        application = Starlette(routes=[Route("/write", write)])
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield partial(_get, client)


@asynccontextmanager
async def _litestar(place: Place) -> AsyncIterator[Write]:
    @litestar_get("/write")
    async def write() -> str:
        await _write(pool)
        return "written"

    async with place.pool() as pool:
        # Its own logging would stay with the process.
        application = Litestar([write], logging_config=None)
        transport = httpx.ASGITransport(application)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield partial(_get, client)


@asynccontextmanager
async def _quart(place: Place) -> AsyncIterator[Write]:
    application = Quart("service")

    @application.get("/write")
    async def write() -> str:
        await _write(pool)
        return "written"

    async with place.pool() as pool:
        yield partial(_get, application.test_client())


@asynccontextmanager
async def _aiohttp(place: Place) -> AsyncIterator[Write]:
    async def write(_: Any) -> aiohttp.web.Response:
        await _write(pool)
        return aiohttp.web.Response(text="written")

    application = aiohttp.web.Application()
    application.router.add_get("/write", write)
    async with place.pool() as pool, TestClient(TestServer(application)) as client:
        yield partial(_get, client)


@asynccontextmanager
async def _databases(place: Place) -> AsyncIterator[Write]:
    location = place.url("postgresql+asyncpg")
    async with Database(location, min_size=SIZE, max_size=SIZE) as database:
        yield partial(database.execute, INSERT)


class Written(Model):
    id = fields.IntField(primary_key=True)
    x = fields.TextField()

    class Meta:
        table = "writes"


@asynccontextmanager
async def _tortoise(place: Place) -> AsyncIterator[Write]:
    location = f"{place.url('asyncpg')}?minsize={SIZE}&maxsize={SIZE}"
    # It sets environment variables of its own.
    with mock.patch.dict(os.environ):
        await Tortoise.init(db_url=location, modules={"models": [__name__]})
        yield partial(Written.create, x="frameworks")
        await Tortoise.close_connections()


class Inserted(sqlmodel.SQLModel, table=True):
    __tablename__ = "writes"
    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    x: str


@asynccontextmanager
async def _sqlmodel(place: Place) -> AsyncIterator[Write]:
    engine = create_async_engine(place.url("postgresql+asyncpg"), pool_size=SIZE)

    async def write() -> None:
        async with AsyncSession(engine) as session:
            session.add(Inserted(x="frameworks"))
            await session.commit()

    yield write
    await engine.dispose()


FRAMEWORKS: dict[str, Callable[[Place], AbstractAsyncContextManager[Write]]] = {
    "aiohttp": _aiohttp,
    "databases": _databases,
    "Litestar": _litestar,
    "Quart": _quart,
    "SQLModel": _sqlmodel,
    "Starlette": _starlette,
    "Tortoise": _tortoise,
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_at_most_one_request_a_task_fails_in_a_switchover(start, cluster: Cluster, framework):
    agent = start()
    place = Place(login_of(cluster))

    async def attempt(write: Write) -> Exception | None:
        try:
            await write()
        except Exception as error:  # noqa: BLE001 - each wraps what it meets in its own way
            return error
        return None

    async def task(write: Write) -> list[Exception]:
        outcomes = [await attempt(write) for _ in range(UNITS)]
        return [outcome for outcome in outcomes if outcome is not None]

    async def application() -> None:
        async with FRAMEWORKS[framework](place) as write:
            assert await asyncio.gather(*(task(write) for _ in range(TASKS))) == [[]] * TASKS
            before = agent.tracked(cluster.writer)
            assert before >= 1
            switch = await asyncio.to_thread(cluster.failover, Failover.SWITCHOVER)
            failures = await asyncio.gather(*(task(write) for _ in range(TASKS)))
            assert max(map(len, failures)) <= 1, failures
            gone = partial(eventually, lambda: cluster.sessions(switch.old_writer) == 0)
            await asyncio.to_thread(gone)
            assert agent.tracked(switch.old_writer) == 0

    anyio.run(application)
    assert agent.exported.metric("aurora.failovers") == 1
