"""SQLAlchemy's pool goes on working, and its own clean-up deadlocks nothing."""

from __future__ import annotations

import gc

import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

from aurora_otel.lab import Failover
from tests.support.sql import READ_ONLY, WRITE, Call, attempt, sqlstate
from tests.support.waiting import eventually


@pytest.fixture
def engine(cluster, connect, driver):
    def engine(*, target="writer", **options):
        dsn = cluster.dsn(cluster.writer if target == "the writer itself" else target)
        url = f"postgresql+{driver}://"
        made.append(sqlalchemy.create_engine(url, creator=lambda: connect(dsn), **options))
        return made[-1]

    made = []
    yield engine
    for each in made:
        each.dispose()


def leak_in_a_cycle(engine) -> None:
    """Leave a connection with an open transaction to the garbage collector."""
    connection = engine.connect()
    connection.execute(sqlalchemy.text(WRITE))
    cycle = [connection]
    cycle.append(cycle)


def states(error) -> set[str | None]:
    """Return the SQLSTATEs of an exception and of those that it hides.

    SQLAlchemy rolls back after a refused write, and raises what the rollback met on the
    connection that is gone by then.
    """
    found = set()
    while error is not None:
        found.add(sqlstate(error))
        error = error.__context__
    return found


@pytest.mark.parametrize("options", [{"pool_size": 1}, {"poolclass": NullPool}])
@pytest.mark.filterwarnings("ignore:.*garbage collector is trying to clean up")
def test_a_connection_reclaimed_while_our_lock_is_held_deadlocks_nothing(agent, engine, options):
    pool = engine(**options)

    def reclaim() -> None:
        gc.disable()
        leak_in_a_cycle(pool)
        with agent.internals.tracker.settled():
            gc.collect()

    try:
        assert Call(reclaim).outcome() is None
    finally:
        gc.enable()
    # The pool has it back, or has closed it, and the agent counts it so.
    eventually(lambda: agent.tracked() == (1 if "pool_size" in options else 0))
    with pool.begin() as connection:
        connection.execute(sqlalchemy.text(WRITE))


@pytest.mark.filterwarnings("ignore:.*garbage collector is trying to clean up")
def test_connections_reclaimed_anywhere_deadlock_nothing_while_the_loop_runs(start, engine):
    agent = start(prune_interval=0.01)
    # Past the lab's gateway: its thread is one of those in which connections are reclaimed.
    itself = "the writer itself"
    pool, closing = (
        engine(target=itself, max_overflow=-1),
        engine(target=itself, poolclass=NullPool),
    )
    threshold = gc.get_threshold()

    def churn() -> None:
        for _ in range(15):
            leak_in_a_cycle(pool)
            leak_in_a_cycle(closing)
            agent.exported.metric("aurora.connection.count")

    gc.set_threshold(10, 1, 1)
    try:
        calls = [Call(churn), Call(churn)]
        assert [call.outcome(within=40) for call in calls] == [None, None]
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    pool.dispose()
    eventually(lambda: agent.tracked() == 0)


def test_a_queue_pool_goes_on_working_through_a_failover(agent, cluster, engine):
    pool = engine(pool_size=5, pool_pre_ping=True)
    held = [pool.connect() for _ in range(5)]
    for connection in held:
        connection.close()
    assert agent.tracked(cluster.writer) == 5
    switch = cluster.failover(Failover.SWITCHOVER)

    def write_once() -> None:
        with pool.begin() as connection:
            connection.execute(sqlalchemy.text(WRITE))

    first = attempt(write_once)
    assert READ_ONLY in states(first)
    # From here on none fails: the pool itself discards what is lost.
    assert [attempt(write_once) for _ in range(10)] == [None] * 10
    held = [pool.connect() for _ in range(5)]
    for connection in held:
        connection.execute(sqlalchemy.text(WRITE))
        connection.close()
    assert agent.tracked(switch.old_writer) == 0
    assert agent.tracked(switch.new_writer) == 5
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)


def test_a_pool_without_pre_ping_recovers_by_its_own_means(agent, cluster, engine):
    pool = engine(pool_size=3)
    held = [pool.connect() for _ in range(3)]
    for connection in held:
        connection.close()
    cluster.failover(Failover.SWITCHOVER)

    def write_once() -> None:
        with pool.begin() as connection:
            connection.execute(sqlalchemy.text(WRITE))

    errors = [attempt(write_once) for _ in range(6)]
    refused = [each for each in errors if READ_ONLY in states(each)]
    assert len(refused) == 1
    # SQLAlchemy replaces its whole pool when it finds the first lost connection.
    assert errors[-3:] == [None] * 3
