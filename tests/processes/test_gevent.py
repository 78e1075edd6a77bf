"""Greenlets: monkey-patched after the agent was loaded, as gunicorn's workers do, or before."""

from __future__ import annotations

import json
import subprocess

import pytest

from aurora_otel.lab import Failover
from tests.support.drivers.descriptors import DRIVERS
from tests.support.programs import PYTHON, ROOT, environment
from tests.support.waiting import eventually

GREENLETS = 16
# Those that gevent makes cooperative: all but C libraries that know no way of waiting.
COOPERATIVE = [driver for driver in DRIVERS if driver.id in {"psycopg", "pymysql"}]


@pytest.fixture(params=COOPERATIVE, ids=lambda driver: driver.id)
def driver(request):
    return request.param


@pytest.fixture
def cluster(driver, request):
    lab = request.getfixturevalue(driver.engine.lab)
    lab.heal()
    return lab


class Program:
    """`gevent_program.py`, which waits for a line before it goes on."""

    def __init__(self, driver, cluster, patched):
        writer = ":".join(map(str, cluster.address("writer")))
        login = json.dumps(driver.login(cluster, host="address"))
        self._process = subprocess.Popen(
            [PYTHON, "-m", "tests.processes.gevent_program", driver.name, patched],
            cwd=ROOT,
            env=environment(cluster, PROCESS_LOGIN=login, AURORA_OTEL_WRITER_ENDPOINTS=writer),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def report(self):
        line = self._process.stdout.readline()
        assert line, self._process.communicate()[1]
        return json.loads(line)

    def go_on(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self):
        self._process.communicate(timeout=20)
        return self._process.returncode


@pytest.mark.parametrize("patched", ["after", "before"])
def test_greenlets_are_tracked_and_cleaned_up_and_never_held_up(driver, cluster, patched):
    old = cluster.writer
    with Program(driver, cluster, patched) as program:
        reported = program.report()
        assert reported["tracked"] == GREENLETS + 4
        # The hub goes on while the background loop waits.
        assert reported["greenlet"] > reported["thread"] / 2

        cluster.failover(Failover.SWITCHOVER)
        program.go_on()
        reported = program.report()
        assert reported["refused"] <= GREENLETS
        assert reported["idle"] == ["lost"] * 4
        assert reported["failovers"] == 1
        eventually(lambda: cluster.sessions(old) == 0)

        assert program.report()["tracked"] == 4
        _hang_up(cluster, driver)
        program.go_on()
        assert program.report() == {"hung_up": 4, "failures": {}}
        assert program.end() == 0


def _hang_up(cluster, driver):
    if driver.engine.name == "postgresql":
        cluster.execute(
            cluster.writer,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
            cluster.user,
        )
        return
    listed = "SELECT id FROM information_schema.processlist WHERE user = %s"
    for (session,) in cluster.execute(cluster.writer, listed, cluster.user):
        cluster.execute(cluster.writer, f"KILL CONNECTION {session}")
