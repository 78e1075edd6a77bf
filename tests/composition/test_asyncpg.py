"""asyncpg: the agent's own query spans, and those of upstream's instrumentation beside it."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from opentelemetry.instrumentation import asyncpg as upstream
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from aurora_otel import AuroraInstrumentor
from tests.support.labs import login_of
from tests.support.query_spans import OURS, described

SELECT = "SELECT $1::int"
OWNERS = (
    *(asyncpg.Connection, asyncpg.prepared_stmt.PreparedStatement, asyncpg.cursor.Cursor),
    *(asyncpg.protocol.Protocol, asyncpg.connect_utils, upstream),
)


class Upstream:
    """Upstream's instrumentation, and the spans that it makes."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self._tracers = TracerProvider()
        self._tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._instrumentor = upstream.AsyncPGInstrumentor()

    def load(self):
        self._instrumentor.instrument(tracer_provider=self._tracers)

    def unload(self):
        self._instrumentor.uninstrument()

    def take(self):
        spans = self.exporter.get_finished_spans()
        self.exporter.clear()
        return spans


@pytest.fixture
def login(cluster):
    return login_of(cluster)


async def use(login):
    connection = await asyncpg.connect(**login)
    await connection.execute("SELECT 1")
    await connection.fetch(SELECT, 1)
    await connection.executemany("INSERT INTO writes (x) VALUES ($1)", [("a",), ("b",)])
    prepared = await connection.prepare(SELECT)
    await prepared.fetchval(2)
    await prepared.fetchrow(3)
    async with connection.transaction():
        async for _ in connection.cursor(SELECT, 4):
            pass
    with pytest.raises(asyncpg.UndefinedColumnError):
        await connection.fetchval("SELECT nonsense")
    await connection.close()


def test_prepared_statements_have_query_spans_of_the_agents_as_other_calls_have(
    start, cluster, login
):
    agent = start(query_spans="text")

    async def application():
        connection = await asyncpg.connect(**login)
        prepared = await connection.prepare("/* of the application */ SELECT $1::int")
        assert await prepared.fetchval(7) == 7
        assert len(await prepared.fetch(8)) == 1
        await (await connection.prepare("INSERT INTO writes (x) VALUES ($1)")).executemany([("a",)])
        await connection.close()
        engine = create_async_engine("postgresql+asyncpg://", connect_args=login)
        async with engine.begin() as checked_out:
            await checked_out.execute(text("DELETE FROM writes WHERE x = 'a'"))
        await engine.dispose()

    asyncio.run(application())
    queries = [span for span in agent.exported.spans() if "db.query.text" in span.attributes]
    assert [span.name for span in queries[:3]] == ["SELECT", "SELECT", "INSERT"]
    assert [span.name for span in queries].count("DELETE") == 1
    for span in queries:
        assert [span.attributes[key] for key in OURS] == [cluster.writer, "writer"]


@pytest.mark.parametrize("order", ["upstream before the agent", "upstream after the agent"])
@pytest.mark.parametrize("first_off", ["upstream", "the agent"])
def test_upstreams_query_spans_stay_and_have_instance_and_role(
    start, cluster, login, order, first_off
):
    originals = [dict(vars(owner)) for owner in OWNERS]
    theirs = Upstream()
    theirs.load()
    asyncio.run(use(login))
    theirs.unload()
    without_agent = [described(span) for span in theirs.take()]
    assert len(without_agent) > 6

    if order == "upstream before the agent":
        theirs.load()
    agent = start()
    if order == "upstream after the agent":
        theirs.load()
    asyncio.run(use(login))
    spans = theirs.take()
    assert [described(span) for span in spans] == without_agent
    for span in spans:
        assert [span.attributes.get(key) for key in OURS] == [cluster.writer, "writer"]
    assert agent.exported.metric("aurora.connection.opens") == 1

    steps = (theirs.unload, AuroraInstrumentor().uninstrument)
    for step in steps if first_off == "upstream" else reversed(steps):
        step()
    for owner, before in zip(OWNERS, originals, strict=True):
        changed = [name for name, was in before.items() if vars(owner).get(name) is not was]
        assert changed == [], owner
