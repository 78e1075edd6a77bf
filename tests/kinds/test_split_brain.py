"""Two servers accept writes, at any moment: no connection to the rightful writer is closed."""

from __future__ import annotations

import random
import threading
import time

import pytest

from aurora_otel.drivers.marks import track_of
from aurora_otel.lab import Failover
from tests.support.sql import attempt, run, serving, write
from tests.support.waiting import eventually

SECONDS = 4.0
SEEDS = (1, 2)


@pytest.fixture
def lab(plain):
    return plain


def straight(cluster, connect, instance):
    return connect(cluster.dsn(instance, host=cluster.address(instance)[0]))


def cast_doubt(connection):
    """Write in a read-only transaction: a symptom like any other."""
    run(connection, "SET TRANSACTION READ ONLY")
    attempt(lambda: write(connection))
    attempt(connection.rollback)


class Doubts(threading.Thread):
    """Casts doubt on the connections that it opens, at random moments, until it is over."""

    def __init__(self, opened, chance):
        super().__init__(daemon=True)
        self.is_over = False
        self._opened = opened
        self._chance = chance

    def run(self):
        while not self.is_over:
            attempt(lambda: cast_doubt(self._opened()))
            time.sleep(self._chance.uniform(0.0, 0.3))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", ["promoted beside it", "thawed"])
def test_at_no_moment_is_a_connection_to_the_rightful_writer_closed(
    start, cluster, connect, way, seed
):
    agent = start(stuck_after=0.5)
    chance = random.Random(seed)
    old, new = cluster.writer, cluster.readers[chance.randrange(2)]
    before = [straight(cluster, connect, old) for _ in range(2)]
    time.sleep(chance.uniform(0.0, 0.5))
    if way == "thawed":
        cluster.failover(Failover.HANG, target=new)
    else:
        cluster.promote(new, publish=chance.random() < 0.5)
    rightful = [straight(cluster, connect, new) for _ in range(3)]
    sessions = [each.info.backend_pid for each in rightful]
    time.sleep(chance.uniform(0.0, 1.0))
    if way == "thawed":
        cluster.thaw(old)
        eventually(lambda: attempt(lambda: cluster.execute(old, "SELECT 1")) is None)
    opened = []

    def to_either():
        opened.append(straight(cluster, connect, chance.choice([old, new])))
        return opened[-1]

    doubts = Doubts(to_either, chance)
    doubts.start()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for connection in rightful:
            write(connection)
            assert serving(connection) == new
        time.sleep(chance.uniform(0.0, 0.2))
    doubts.is_over = True
    doubts.join()
    assert [each.info.backend_pid for each in rightful] == sessions
    assert [each.closed for each in rightful] == [0] * 3
    # It was no idleness: the refreshes found the writer, and what led to the other one is closed.
    writer = ":".join(map(str, cluster.plain_address(new)))
    assert track_of(rightful[0]).cluster.current.detector.writer == writer
    eventually(lambda: agent.tracked(":".join(map(str, cluster.plain_address(old)))) == 0)
    for connection in (*before, *rightful, *opened):
        attempt(connection.close)
