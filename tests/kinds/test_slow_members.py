"""MySQL servers that answer late while who is writable changes: no healthy connection is closed."""

from __future__ import annotations

import contextlib
import threading
import time

import mysql.connector
import pymysql
import pytest

from aurora_otel.drivers.marks import track_of
from aurora_otel.lab import Failover
from tests.kinds.conftest import serving
from tests.support.doubts import cast_doubt
from tests.support.servers import main_process
from tests.support.sql import attempt, write
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"
# Seconds: longer than a refresh waits for one answer, and shorter than it takes to be given up.
MOMENT = 1.2


@pytest.fixture
def lab(plain_mysql):
    return plain_mysql


@pytest.fixture(params=["pymysql", "mysql-connector"])
def connect(cluster, request):
    """Connects to where an endpoint, or an instance, is reached: a name that says nothing."""

    def connect(target="writer"):
        module = {"pymysql": pymysql, "mysql-connector": mysql.connector}[request.param]
        more = {} if request.param == "pymysql" else {"use_pure": True}
        host = cluster.address(target)[0]
        return module.connect(**{**cluster.parameters(target, host=host), **more})

    return connect


@contextlib.contextmanager
def frozen(cluster, instance):
    process = main_process(cluster, instance)
    process.suspend()
    try:
        yield process
    finally:
        process.resume()


def known_writer(connection):
    return track_of(connection).cluster.current.detector.writer


def named(cluster, instance):
    return f"{instance}:{cluster.address(instance)[1]}"


def close(connections):
    for each in connections:
        attempt(each.close)


def test_what_is_refused_while_a_slow_refresh_goes_on_is_not_judged_by_it(start, cluster, connect):
    agent = start()
    new, slow = cluster.readers
    scout, first, second = held = [connect(new) for _ in range(3)]
    # Until its first refresh has found the writer.
    cast_doubt(scout, "mysql")
    assert known_writer(first) == named(cluster, cluster.writer)
    before = len(agent.exported.spans("refresh topology"))
    with frozen(cluster, slow) as process:
        # A reader still, as it says in a refresh that waits for the slow one.
        doubt = threading.Thread(target=lambda: attempt(lambda: cast_doubt(first, "mysql")))
        doubt.start()
        eventually(lambda: track_of(first).refused)
        time.sleep(0.15)
        threading.Timer(0.15, process.resume).start()
        cluster.execute(new, "SET GLOBAL read_only = 0")
        try:
            cast_doubt(second, "mysql")
            doubt.join()
            write(second)
        finally:
            cluster.execute(new, "SET GLOBAL read_only = 1")
    eventually(lambda: len(agent.exported.spans("refresh topology")) > before)
    assert serving(cluster, second) == new
    assert track_of(second).is_tracked
    close(held)


@pytest.mark.parametrize("which", ["the known writer", "the other one"])
def test_a_moment_of_silence_beside_a_writable_one_closes_nothing(start, cluster, connect, which):
    agent = start()
    old, new = cluster.writer, cluster.readers[0]
    held = [connect() for _ in range(2)]
    cluster.promote(new, publish=True)
    with frozen(cluster, old if which == "the known writer" else new) as process:
        threading.Timer(MOMENT, process.resume).start()
        if which == "the known writer":
            held.append(connect())
        for _ in range(4):
            cast_doubt(held[-1], "mysql")
    cast_doubt(held[0], "mysql")
    for connection in held:
        write(connection)
    assert agent.exported.metric(INVALIDATIONS) == 0
    close(held)


def test_a_silence_that_lasts_is_a_failover(start, cluster, connect):
    agent = start(stuck_after=0.5)
    held = [connect() for _ in range(2)]
    switch = cluster.failover(Failover.HANG)
    fresh = connect()
    assert serving(cluster, fresh) == switch.new_writer
    eventually(lambda: agent.tracked(named(cluster, switch.old_writer)) == 0)
    close([*held, fresh])
