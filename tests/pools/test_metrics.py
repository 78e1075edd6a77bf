"""The pool metrics against each pool's own counters."""

from __future__ import annotations

import contextlib
import gc
import threading

import psycopg_pool
import pytest
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from sqlalchemy import URL, create_engine, exc

from aurora_otel.telemetry import pool_metrics
from aurora_otel.telemetry.names import DURATIONS
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import DRIVERS
from tests.support.pools.async_libraries import AsyncEngine
from tests.support.pools.async_mysql_libraries import MySQLPool
from tests.support.pools.cases import CASES, Case, Kind, fill
from tests.support.pools.libraries import SIZE, PsycopgPool, SQLAlchemyPool
from tests.support.sql import Call, attempt
from tests.support.waiting import eventually

DRIVER = {driver.name: driver for driver in DRIVERS}
PREFIX = "db.client.connection."
ENGINE = {"pool_size": 2, "max_overflow": 1, "pool_timeout": 0.5, "pool_logging_name": "orders"}
SQLALCHEMY = Case(
    Kind(
        "QueuePool",
        "sqlalchemy",
        (),
        lambda driver, cluster: SQLAlchemyPool(driver, cluster, **ENGINE),
    ),
    DRIVER["psycopg2"],
)
ASYNC_ENGINE = Case(
    Kind(
        "AsyncAdaptedQueuePool",
        "sqlalchemy on a loop",
        (),
        lambda driver, cluster: AsyncEngine(driver, cluster, **ENGINE),
    ),
    ASYNC_DRIVERS[0],
)
PSYCOPG = Case(
    Kind(
        "ConnectionPool",
        "psycopg_pool",
        (),
        lambda driver, cluster: PsycopgPool(
            driver, cluster, min_size=2, max_size=3, timeout=0.5, name="orders"
        ),
    ),
    DRIVER["psycopg"],
)

ON_LOOPS = [
    Case(Kind("Pool", driver.name, (), lambda *of: MySQLPool(*of, minsize=2, maxsize=3)), driver)
    for driver in ASYNC_DRIVERS
    if driver.id in {"aiomysql-asyncio", "asyncmy-asyncio"}
]


@pytest.fixture
def figures(start):
    """Start the agent; return what the metrics of the pool `orders` say now."""
    agent = start()

    def figures(name="orders"):
        found = {}
        for metric in ("count", "max", "idle.max", "idle.min", "pending_requests", "timeouts"):
            for point in agent.exported.points(PREFIX + metric):
                if point.attributes[PREFIX + "pool.name"] == name:
                    state = point.attributes.get(PREFIX + "state")
                    found[state or metric] = point.value
        return found

    figures.histogram = lambda metric: {
        point.attributes[PREFIX + "pool.name"]: point
        for point in agent.exported.points(PREFIX + metric)
    }
    return figures


@pytest.mark.parametrize("case", [SQLALCHEMY, ASYNC_ENGINE], ids=str)
def test_a_queue_pool_with_waits_timeouts_and_overflow(figures, open_pool, case):
    pool = open_pool()
    own = pool.engine.pool
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(pool.checkout())
        assert own.overflow() == 1
        assert figures() == {
            "idle": own.checkedin(),
            "used": own.checkedout(),
            "max": 3,
            "idle.max": own.size(),
            "pending_requests": 0,
            "timeouts": 0,
        }
        waiting = Call(pool.write)
        eventually(lambda: figures()["pending_requests"] == 1)
        assert isinstance(waiting.outcome(), exc.TimeoutError)
        assert (figures()["pending_requests"], figures()["timeouts"]) == (0, 1)
    # The connection beyond the size is closed when it is returned.
    assert (figures()["idle"], figures()["used"]) == (own.checkedin(), own.checkedout()) == (2, 0)
    pool.write()
    counts = {name: figures.histogram(name)["orders"].count for name in TIMES}
    assert counts == {"create_time": 3, "wait_time": 4, "use_time": 4}


@pytest.mark.parametrize("case", [PSYCOPG], ids=str)
def test_a_connection_pool_with_waits_and_timeouts(figures, open_pool, case):
    pool = open_pool()
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(pool.checkout())
        own = pool.pool.get_stats()
        assert figures() == {
            "idle": own["pool_available"],
            "used": own["pool_size"] - own["pool_available"],
            "max": own["pool_max"],
            "idle.max": own["pool_max"],
            "idle.min": own["pool_min"],
            "pending_requests": 0,
            "timeouts": 0,
        }
        waiting = Call(pool.write)
        eventually(
            lambda: figures()["pending_requests"] == pool.pool.get_stats()["requests_waiting"] == 1
        )
        assert isinstance(waiting.outcome(), psycopg_pool.PoolTimeout)
        own = pool.pool.get_stats()
        assert (figures()["pending_requests"], figures()["timeouts"]) == (0, own["requests_errors"])
    pool.write()
    own = pool.pool.get_stats()
    eventually(lambda: figures.histogram("create_time")["orders"].count == own["connections_num"])
    counts = {name: figures.histogram(name)["orders"].count for name in TIMES}
    assert counts == {
        "create_time": own["connections_num"],
        "wait_time": own["requests_num"] - own["requests_errors"],
        "use_time": own["requests_num"] - own["requests_errors"],
    }


@pytest.mark.parametrize("case", ON_LOOPS, ids=str)
def test_a_pool_of_mysql_s_on_a_loop_with_waits(figures, open_pool, case):
    pool = open_pool()
    own = pool.pool
    name = "app"
    held = [pool.loop.run(pool.take()) for _ in range(3)]
    assert figures(name) == {
        "idle": own.freesize,
        "used": 3,
        "max": own.maxsize,
        "idle.max": own.maxsize,
        "idle.min": own.minsize,
        "pending_requests": 0,
        "timeouts": 0,
    }
    waiting = Call(pool.write)
    eventually(lambda: figures(name)["pending_requests"] == 1)

    async def lose(connection):
        connection.close()
        await pool.give_back(connection)

    # A place that comes back without its connection is one for a caller that waits, too.
    pool.loop.run(lose(held.pop()))
    assert waiting.outcome() is None
    assert figures(name)["pending_requests"] == 0
    for connection in held:
        pool.loop.run(pool.give_back(connection))
    counts = {metric: figures.histogram(metric)[name].count for metric in TIMES}
    assert counts == {"create_time": 4, "wait_time": 4, "use_time": 4}


TIMES = ("create_time", "wait_time", "use_time")


@pytest.mark.parametrize("case", [SQLALCHEMY], ids=str)
def test_the_histograms_have_boundaries_that_separate_milliseconds(figures, open_pool, case):
    open_pool().write()
    for metric in TIMES:
        assert figures.histogram(metric)["orders"].explicit_bounds == DURATIONS


@pytest.mark.parametrize("case", [SQLALCHEMY], ids=str)
def test_two_pools_of_one_name_are_distinguished_and_a_disposed_one_keeps_its_name(
    figures, open_pool, case
):
    first, second = open_pool(), open_pool()
    fill(first, 2)
    fill(second, 1)
    assert (figures("orders")["idle"], figures("orders-2")["idle"]) == (2, 1)
    # The engine replaces its pool; its series goes on.
    first.engine.dispose()
    first.write()
    assert figures("orders")["idle"] == 1
    assert figures("orders-3") == {}


def target_of(cluster, name):
    return {
        PREFIX + "pool.name": name,
        "db.system.name": "postgresql",
        "db.namespace": "app",
        "server.address": cluster.host("writer"),
        "server.port": cluster.address("writer")[1],
    }


@pytest.mark.parametrize("case", [PSYCOPG], ids=str)
def test_a_pool_shows_the_database_that_it_leads_to(figures, open_pool, case, cluster):
    open_pool().write()
    shown = dict(figures.histogram("wait_time")["orders"].attributes)
    assert shown == target_of(cluster, "orders")


def test_an_engine_without_a_name_is_called_after_its_database(figures, cluster):
    to = cluster.parameters("writer")
    url = URL.create(
        "postgresql+psycopg2", to["user"], to["password"], to["host"], to["port"], to["database"]
    )
    engine = create_engine(url, connect_args={"hostaddr": cluster.address("writer")[0]})
    engine.connect().close()
    shown = dict(figures.histogram("wait_time")["app"].attributes)
    assert shown == target_of(cluster, "app")
    engine.dispose()


@pytest.mark.parametrize("case", [SQLALCHEMY], ids=str)
def test_a_pool_is_reported_once_beside_upstreams_instrumentation(agent, open_pool, case):
    upstream = SQLAlchemyInstrumentor()
    # It knows SQLAlchemy up to 2.0, and does the same on 2.1.
    upstream.instrument(meter_provider=agent.meters, skip_dep_check=True)
    try:
        pool = open_pool()
        pool.write()
    finally:
        upstream.uninstrument()
    points = {
        (metric.name, scope.scope.name)
        for resource in agent.exported.reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name.startswith("db.client.connection")
    }
    # What upstream still reports is under the name that the conventions have given up.
    assert ("db.client.connections.usage", "opentelemetry.instrumentation.sqlalchemy") in points
    names = [name for name, scope in points if scope != "aurora_otel"]
    assert names == ["db.client.connections.usage"]
    assert sorted(name for name, scope in points if scope == "aurora_otel") == sorted(
        metric.name for metric in pool_metrics.METRICS if metric is not pool_metrics.IDLE_MIN
    )


# These keep one connection a thread, and are no pools.
NO_POOLS = ("Django", "PersistentDB")


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.kind.name not in NO_POOLS], ids=str
)
def test_every_pool_reports_what_it_can(figures, open_pool, case):
    pool = open_pool()
    fill(pool, case.kind.idle)
    assert attempt(pool.write) is None
    (name,) = figures.histogram("wait_time")
    assert figures(name)["used"] == 0
    assert figures(name).get("idle") in (None, case.kind.idle, SIZE)


@pytest.mark.filterwarnings("ignore:.*garbage collector is trying to clean up")
@pytest.mark.parametrize("case", [SQLALCHEMY], ids=str)
def test_a_connection_reclaimed_inside_a_measurement_deadlocks_nothing(agent, open_pool, case):
    pool = open_pool()
    instruments = agent.internals.instruments
    plain, lock = instruments.record, threading.Lock()

    def record(*args):
        # As in the SDK, whose aggregations have a lock each that cannot be taken twice.
        with lock:
            gc.collect()
            plain(*args)

    def leak_and_measure():
        leaked = [pool.engine.connect()]
        leaked.append(leaked)
        del leaked
        pool.write()

    gc.disable()
    # What other tests left makes each collection slow.
    gc.freeze()
    instruments.record = record
    try:
        assert Call(leak_and_measure).outcome() is None
    finally:
        del instruments.record
        gc.unfreeze()
        gc.enable()
    assert pool.size() == 2
