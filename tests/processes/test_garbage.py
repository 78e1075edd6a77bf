"""The garbage collector strikes inside our code, at every allocation and under our locks."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import psycopg
import psycopg2
import pytest
import sqlalchemy

import aurora_otel
from tests.support.waiting import eventually

OURS = str(Path(aurora_otel.__file__).parent)


@pytest.fixture
def everywhere():
    """Collect garbage as each function of the agent's begins, on every thread of Python's."""

    def strike(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            gc.collect(0)

    yield lambda: sys.setprofile(strike)
    sys.setprofile(None)


def leak(connection):
    """Drop a connection so that only the collector finds it."""
    holder = [connection]
    holder.append(holder)


class Resurrected(psycopg.Connection):
    """Comes back to life when it is collected, once."""

    living: list[Resurrected] = []  # noqa: RUF012 - the test's

    def __del__(self):
        if self not in self.living and not self.closed:
            self.living.append(self)
        else:
            super().__del__()


def balance(agent):
    metric = agent.exported.metric
    ends = metric("aurora.connection.closes") + metric("aurora.connection.prunes")
    return metric("aurora.connection.opens"), ends + agent.tracked()


def test_connections_collected_while_others_are_opened_and_closed(
    agent, cluster, connect, everywhere
):
    everywhere()
    for _ in range(10):
        leak(connect(cluster.dsn("writer")))
        connect(cluster.dsn("writer")).close()
        aurora_otel.snapshot()
    sys.setprofile(None)
    gc.collect()
    eventually(lambda: agent.tracked() == 0)
    assert balance(agent) == (20, 20)
    assert agent.exported.metric("aurora.connection.prunes", prune_reason="garbage_collected") == 10


def test_a_pools_connection_returned_by_the_collector_under_our_lock(agent, cluster, everywhere):
    # SQLAlchemy rolls back, and returns or closes, out of its own weakref callback.
    url = "postgresql+psycopg2://"
    dsn = cluster.dsn("writer")
    engine = sqlalchemy.create_engine(
        url, creator=lambda: psycopg2.connect(dsn), pool_size=1, max_overflow=5
    )
    everywhere()
    tracker = agent.internals.tracker
    for _ in range(10):
        for checkout in [engine.connect() for _ in range(3)]:
            checkout.execute(sqlalchemy.text("SELECT 1"))
            leak(checkout)
        del checkout
        with tracker.settled():
            gc.collect()
    sys.setprofile(None)
    engine.dispose()
    gc.collect()
    eventually(lambda: agent.tracked() == 0)
    opens, ends = balance(agent)
    assert opens == ends > 0
    assert agent.exported.metric("aurora.connection.prunes", prune_reason="garbage_collected") == 0


def test_a_resurrected_connection_is_counted_once_and_goes_on_working(agent, cluster):
    connection = Resurrected.connect(cluster.dsn("writer"), autocommit=True)
    leak(connection)
    del connection
    gc.collect()
    eventually(lambda: agent.tracked() == 0)
    (connection,) = Resurrected.living
    connection.execute("SELECT 1")
    connection.close()
    assert balance(agent) == (1, 1)
    Resurrected.living.clear()
