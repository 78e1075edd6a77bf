"""What is particular to SQLAlchemy's `AsyncEngine`: its pools run in a greenlet, on a loop."""

from __future__ import annotations

import asyncio
import time

import pytest
import sqlalchemy
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from aurora_otel.hooks.checkouts import Checkouts
from aurora_otel.lab import Failover
from aurora_otel.runtime.effects import Pause
from tests.support.labs import END_SESSIONS
from tests.support.pools.cases import CASES, fill
from tests.support.query_spans import described
from tests.support.sql import attempt
from tests.support.waiting import eventually

ENGINES = [case for case in CASES if case.kind.name == "AsyncAdaptedQueuePool"]
pytestmark = pytest.mark.parametrize("case", ENGINES, ids=str)


@pytest.fixture
def pausing(monkeypatch):
    """Have each checkout wait for as many seconds as this returns, as for a refresh."""
    monkeypatch.setattr(Checkouts, "is_plainly_usable", lambda *_: False)

    def pausing(seconds):
        def is_usable(*_):
            yield Pause(seconds)
            return True

        monkeypatch.setattr(Checkouts, "is_usable", is_usable)

    return pausing


def test_a_refused_write_reaches_the_application_out_of_its_transaction(
    agent, cluster, open_pool, case
):
    pool = open_pool()
    fill(pool, 5)
    with pool.checkout() as held:
        cluster.failover(Failover.SWITCHOVER)
        error = attempt(pool.write)
        assert case.driver.code(error.orig) == case.driver.engine.codes["read_only"]
        assert error.connection_invalidated
        # The whole pool was not thrown away for it: a connection of after the failover stays.
        opened = pool.opened
        assert attempt(pool.write) is None
        assert pool.opened == opened + 1
        lost = attempt(lambda: pool.loop.run(held.execute(sqlalchemy.text("SELECT 1"))))
        assert lost.connection_invalidated
    fill(pool, 5)
    assert pool.size() == 5


def test_the_loop_goes_on_while_a_checkout_waits(agent, open_pool, case, pausing):
    pool = open_pool()
    fill(pool, 1)
    pausing(0.5)

    async def turns_meanwhile():
        writing = asyncio.ensure_future(pool.unit())
        turns = 0
        while not writing.done():
            turns += 1
            await asyncio.sleep(0.01)
        return turns

    # As many as there is time for, on whatever machine; a loop that is held has one or two.
    assert pool.loop.run(turns_meanwhile()) > 5


def test_a_checkout_that_is_cancelled_costs_the_pool_no_place(agent, open_pool, case, pausing):
    pool = open_pool()
    fill(pool, case.kind.idle)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Checkouts, "is_usable", _for_ever)

        async def give_up():
            await asyncio.wait_for(pool.unit(), 0.05)

        assert isinstance(attempt(lambda: pool.loop.run(give_up())), asyncio.TimeoutError)
    fill(pool, case.kind.idle)
    assert pool.size() == case.kind.idle


def test_a_checkout_out_of_a_greenlet_waits_for_nothing(agent, cluster, open_pool, case, pausing):
    pool = open_pool()
    fill(pool, 1)
    pausing(60)
    own = pool.engine.sync_engine.pool

    async def check_out():
        # No call of the driver's is awaited here, so that SQLAlchemy allows it.
        return own.connect()

    began = time.monotonic()
    fairy = pool.loop.run(check_out())
    assert time.monotonic() - began < 30
    assert fairy.driver_connection is not None
    fairy.detach()


def test_a_connection_that_the_server_has_ended_is_replaced_inside_the_checkout(
    start, cluster, open_pool, case
):
    # No round finds it before.
    start(prune_interval=1000, **case.driver.settings(cluster))
    pool = open_pool()
    fill(pool, 3)
    cluster.execute(cluster.writer, END_SESSIONS[case.driver.engine.name])
    eventually(lambda: cluster.sessions(cluster.writer) == 0)
    # The loop hears of it; some drivers' connections have no socket from then on.
    pool.loop.run(asyncio.sleep(0.2))
    for _ in range(3):
        assert attempt(pool.write) is None
    fill(pool, 3)
    assert pool.size() == 3


@pytest.mark.parametrize("order", ["upstream before the agent", "upstream after the agent"])
def test_upstreams_spans_stay_and_stale_connections_are_replaced_beside_it(
    start, cluster, open_pool, case, order
):
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    upstream = SQLAlchemyInstrumentor()

    def instrumented():
        pool = open_pool()
        # It knows SQLAlchemy up to 2.0, and does the same on 2.1.
        upstream.instrument(
            engine=pool.engine.sync_engine, tracer_provider=tracers, skip_dep_check=True
        )
        return pool

    def shown(pool):
        assert attempt(pool.write) is None
        spans = [described(span) for span in exporter.get_finished_spans()]
        exporter.clear()
        return spans

    try:
        without_agent = shown(instrumented())
        assert without_agent != []
        upstream.uninstrument()
        settings = case.driver.settings(cluster)
        if order == "upstream before the agent":
            pool = instrumented()
            agent = start(**settings)
        else:
            agent = start(**settings)
            pool = instrumented()
        assert shown(pool) == without_agent
        fill(pool, 3)
        switch = cluster.failover(Failover.SWITCHOVER)
        attempt(pool.write)
        eventually(lambda: agent.tracked(switch.old_writer) == 0)
        for _ in range(3):
            assert attempt(pool.write) is None
    finally:
        upstream.uninstrument()


def _for_ever(*_):
    yield Pause(3600)
