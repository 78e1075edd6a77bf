"""Threads that open, use, leak and close connections while the cluster fails over."""

from __future__ import annotations

import contextlib
import gc
import threading

import psycopg
import psycopg2

from aurora_otel.lab import Failover
from tests.support.sql import Call, attempt, run
from tests.support.waiting import eventually

THREADS = 64


def test_opens_equal_open_plus_ended_and_nothing_hangs(start, cluster, connect, driver):
    module = {"psycopg": psycopg, "psycopg2": psycopg2}[driver]
    agent = start(refresh_interval=0.2)
    # To readers, whatever happens to the writer: these must not be closed.
    reader = max(cluster.readers)
    healthy = [connect(cluster.dsn(reader)) for _ in range(4)]
    began = cluster.execute(reader, "SELECT pg_postmaster_start_time()")
    stopped = threading.Event()

    def work(number):
        """One of four habits: close, leak, leak in a cycle, or hold until something fails."""
        held = None
        while not stopped.is_set():
            with contextlib.suppress(module.Error):
                connection = held or connect(cluster.dsn("writer"), connect_timeout=5)
                connection.autocommit = True
                held = connection if number % 4 == 3 else None
                try:
                    run(connection, "INSERT INTO writes (x) VALUES ('threads')")
                except module.Error:
                    held = None
                    raise
                if number % 4 == 0:
                    connection.close()
                elif number % 4 == 2:
                    connection.cycle = [connection] if hasattr(connection, "__dict__") else None
                del connection
        if held is not None:
            held.close()

    calls = [Call(lambda number=number: work(number)) for number in range(THREADS)]
    try:
        for how in (Failover.SWITCHOVER, Failover.CRASH):
            target = next(name for name in cluster.readers if name != reader)
            before = agent.exported.metric("aurora.failovers")
            opens = agent.exported.metric("aurora.connection.opens")
            eventually(lambda: agent.exported.metric("aurora.connection.opens") > opens + 100)  # noqa: B023 - called at once
            cluster.failover(how, target=target)
            eventually(lambda: agent.exported.metric("aurora.failovers") > before)  # noqa: B023 - as above
            cluster.heal()
    finally:
        stopped.set()
    for call in calls:
        assert call.outcome(within=60) is None
    # A reader that is slow to follow the new writer is made anew by the lab, and its sessions end.
    was_replaced = cluster.execute(reader, "SELECT pg_postmaster_start_time()") != began
    assert agent.exported.metric("aurora.connection.invalidations", instance_id=reader) == 0
    for connection in healthy:
        error = attempt(lambda connection=connection: run(connection, "SELECT 1"))
        assert error is None or was_replaced
        connection.close()
    gc.collect()
    eventually(lambda: agent.tracked() == 0)
    metric = agent.exported.metric
    assert metric("aurora.connection.opens") == (
        metric("aurora.connection.closes")
        + metric("aurora.connection.prunes")
        + metric("aurora.connection.invalidations", invalidation_outcome="closed")
    )
    assert metric("aurora.connection.invalidations", invalidation_outcome="failed") == 0
    assert metric("aurora.failovers") == 2
