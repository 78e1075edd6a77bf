"""Many threads write through a switchover: one refused write each at most, none where idle."""

from __future__ import annotations

import functools
import threading
import time

import pytest

from aurora_otel.lab import Failover
from aurora_otel.runtime import sockets
from tests.support.sql import READ_ONLY, Call, attempt, serving, sqlstate, write

THREADS = 16


def write_and_ask(connection, served_by: list[str]) -> None:
    """Write, and note which instance that was."""
    write(connection)
    served_by.append(serving(connection))


@pytest.fixture(params=[0.0, 0.02], ids=["cleanup", "slow cleanup"])
def _pace(request, monkeypatch):
    """The agent's threads wait for the interpreter before each connection that they shut down."""

    def shut_down(*args, **kwargs):
        time.sleep(request.param)
        return original(*args, **kwargs)

    original = sockets.shut_down
    if request.param:
        monkeypatch.setattr(sockets, "shut_down", shut_down)


@pytest.mark.usefixtures("_pace")
def test_each_thread_sees_one_refused_write_at_most(start, cluster, connect, module):
    # Longer than a switchover takes: before it is published, no answer is the right one.
    agent = start(refresh_timeout=20)
    idle = [connect(cluster.dsn("writer")) for _ in range(THREADS)]
    published, started = threading.Event(), threading.Barrier(THREADS + 1)
    old = cluster.writer

    def work() -> tuple[int, int]:
        """Write until ten writes in a row went to the new writer; count refused and lost ones."""
        connection = connect(cluster.dsn("writer"))
        write(connection)
        started.wait(30)
        refused = lost = clean = 0
        while clean < 10:
            served_by: list[str] = []
            # One attempt: another thread's symptom may shut it down in between.
            error = attempt(functools.partial(write_and_ask, connection, served_by))
            if error is None:
                clean += published.is_set() and served_by != [old]
                continue
            assert isinstance(error, module.Error), error
            if sqlstate(error) == READ_ONLY:
                refused += 1
            else:
                lost += 1
            attempt(connection.rollback)
            if connection.closed:
                connection = connect(cluster.dsn("writer"))
        connection.close()
        return refused, lost

    calls = [Call(work) for _ in range(THREADS)]
    started.wait(30)
    cluster.failover(Failover.SWITCHOVER, on_published=published.set)
    for call in calls:
        assert call.outcome(within=40) is None
        refused, lost = call.result
        assert refused <= 1
        assert lost <= 2  # the connection that was closed, and one that was opened in between

    for connection in idle:
        error = attempt(lambda connection=connection: write(connection))
        assert isinstance(error, module.OperationalError)
        assert sqlstate(error) != READ_ONLY
        connection.close()
    assert agent.tracked() == 0
    assert agent.exported.metric("aurora.failovers") == 1
