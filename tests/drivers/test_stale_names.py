"""Names that lead to the old writer, or to either by turns: no write is lost to them.

The application runs in a process of its own, where C libraries resolve the lab's names as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

import pytest

from aurora_otel.lab import Failover
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.moving_names import hosts_file
from tests.support.waiting import eventually

PRIVATE = "db.example.com"
FROZEN = float("inf")
# So many writes of each thread, with connections opened in between, show that it goes on.
MANY = 15


def pools_of(driver):
    """The pools of two threads."""
    if driver in ASYNC_DRIVERS:
        return [None, None]
    return ["sqlalchemy", "psycopg_pool" if driver.name == "psycopg" else "sqlalchemy"]


class Writers:
    """The application, running; a context manager."""

    def __init__(self, driver, cluster, environment):
        names = [cluster.host("writer"), PRIVATE]
        login = ("", cluster.address("writer")[1], cluster.user, cluster.password, cluster.database)
        # A busy machine may take its time for what an idle one does in milliseconds.
        settings = {
            "writer_endpoints": PRIVATE,
            "rds_api": "off",
            "identify_timeout": 20,
            "refresh_timeout": 10,
        }
        # One thread each by the endpoint and by a private name, with and without a pool.
        pools = [None, None, *pools_of(driver)]
        places = [((names[number % 2], *login), pool) for number, pool in enumerate(pools)]
        task = {"driver": driver.id, "settings": settings, "places": places}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.drivers.writers"],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._send(json.dumps(task))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def _send(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    @property
    def written(self):
        """How many writes of each thread were accepted."""
        with contextlib.suppress(BrokenPipeError):
            self._send("how many?")
        answer = self._process.stdout.readline()
        assert answer, self._process.communicate()[1]
        return json.loads(answer)

    def go_on(self):
        """Wait until each thread has had many more writes accepted."""
        enough = [before + MANY for before in self.written]
        eventually(
            lambda: all(now >= least for now, least in zip(self.written, enough, strict=True))
        )

    def stop(self):
        """Have it end; return what it reports."""
        output, errors = self._process.communicate("stop\n", timeout=60)
        assert self._process.returncode == 0, errors
        return json.loads(output)


@pytest.mark.usefixtures("straight")
def test_writes_go_on_while_dns_leads_to_the_old_writer(driver, cluster, tmp_path):
    cluster.dns_lag = FROZEN
    records = cluster.records({PRIVATE: "writer"})
    with (
        hosts_file(records, tmp_path / "hosts") as environment,
        Writers(driver, cluster, environment) as application,
    ):
        application.go_on()
        switches = [cluster.failover(Failover.SWITCHOVER)]
        application.go_on()
        cluster.dns_flap = 0.2
        application.go_on()
        cluster.dns_lag = cluster.dns_flap = 0.0
        application.go_on()
        cluster.dns_lag = FROZEN
        switches.append(cluster.failover(Failover.CRASH))
        application.go_on()
        cluster.recover(switches[1].old_writer)
        application.go_on()
        report = application.stop()

    assert report["internal_failures"] == {}
    assert report["straight"] > 0
    first, second = switches
    periods = [(first, second.began), (second, float("inf"))]
    for switch, end in periods:
        changed = switch.refused or switch.published
        failures = [
            [each for each in thread["failed"] if switch.began <= each[0] < end]
            for thread in report["writers"]
        ]
        # A pool hands out what it has until there is a verdict, for which the first failure waits.
        judged = min((at for failed in failures for at, _ in failed), default=changed)
        for thread, failed in zip(report["writers"], failures, strict=True):
            # That of the connection which the thread had when the writer changed.
            assert len(failed) <= 1, failed
            since = judged if thread["pooled"] else changed
            led_to = {where for at, done, where in thread["opened"] if since < at and done < end}
            assert led_to == {switch.new_writer}
