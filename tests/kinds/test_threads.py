"""Many threads write through a switchover, on each kind of cluster: one refused write each."""

from __future__ import annotations

import functools
import threading

import pytest

from aurora_otel.lab import Failover
from tests.kinds.cases import _case, _cluster, _driver  # noqa: F401 - fixtures
from tests.kinds.conftest import serving
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.sql import Call, attempt, write
from tests.support.waiting import eventually

THREADS = 8
# The fixture of the lab, and the driver.
CASES = (
    ("plain", "psycopg"),
    ("plain", "pg8000"),
    ("plain_mysql", "pymysql"),
    ("plain_mysql", "mysqlclient"),
    ("multi_az", "psycopg2"),
    ("multi_az_mysql", "mysql-connector-pure"),
)
pytestmark = pytest.mark.parametrize("case", CASES, ids="-".join, indirect=True)


class Worker:
    """A thread's work: it writes until ten writes in a row went to the new writer.

    Attributes:
        refused: writes that were refused once the topology named the new writer.
        lost: those that were lost with their connection.
    """

    def __init__(self, cluster, driver, published, started):
        self.refused = self.lost = 0
        self._cluster, self._driver = cluster, driver
        self._published, self._started = published, started
        self._old = cluster.writer

    def work(self):
        connection = self._connect()
        write(connection)
        self._started.wait(30)
        clean = 0
        while clean < 10:
            is_published, served_by = self._published.is_set(), []
            error = attempt(functools.partial(self._write, connection, served_by))
            if error is None:
                clean += is_published and served_by != [self._old]
                continue
            clean = 0
            assert isinstance(error, self._driver.errors), error
            if self.is_refusal(error):
                self.refused += is_published
                attempt(connection.rollback)
                continue
            self.lost += is_published
            attempt(connection.close)
            connection = self._connect()
        connection.close()

    def _connect(self):
        made = []
        eventually(
            lambda: attempt(lambda: made.append(self._driver.connect(self._cluster))) is None
        )
        return made[0]

    def _write(self, connection, served_by):
        """Write, and note which instance that was."""
        write(connection)
        served_by.append(serving(self._cluster, connection))

    def is_refusal(self, error):
        codes = self._driver.engine.codes
        return (
            isinstance(error, self._driver.dbapi.Error)
            and attempt(lambda: self._driver.code(error)) is None
            and self._driver.code(error) == codes["read_only"]
        )


def test_each_thread_sees_one_refused_write_at_most_and_what_was_idle_none(start, cluster, driver):
    # A refused call waits for the verdict for so long: on a busy machine that takes its time.
    agent = start(**driver.settings(cluster), refresh_timeout=20)
    idle = [driver.connect(cluster) for _ in range(THREADS)]
    published, started = threading.Event(), threading.Barrier(THREADS + 1)
    workers = [Worker(cluster, driver, published, started) for _ in range(THREADS)]
    calls = [Call(each.work) for each in workers]
    started.wait(30)
    switch = cluster.failover(Failover.SWITCHOVER, on_published=published.set)
    for call in calls:
        assert call.outcome(within=60) is None
    assert max(each.refused for each in workers) <= 1
    # The connection that was closed, and one that was opened in between.
    assert max(each.lost for each in workers) <= 2
    for connection in idle:
        error = attempt(functools.partial(write, connection))
        assert isinstance(error, driver.errors)
        assert not workers[0].is_refusal(error)
        attempt(connection.close)
    eventually(lambda: agent.tracked() == 0)
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    # Where all sessions have ended by themselves, nothing may be left to be found out.
    assert agent.exported.metric("aurora.failovers") <= 1
