"""An application ends as it would without us: at once, silently, with its own exit status."""

from __future__ import annotations

import subprocess

import pytest

from aurora_otel.collector import Collector
from aurora_otel.lab import Failover
from tests.support import programs
from tests.support.programs import INSTRUMENTED, PYTHON
from tests.support.waiting import eventually

WAYS = {
    "refresh": 0,
    "from_a_thread": 0,
    "in_a_thread_that_goes_on": 0,
    "in_the_middle_of_a_refresh": 3,
    "at_once": 4,
    "with_an_error": 5,
    "at_exit": 0,
}
# The ends of connections of other processes that psycopg notices: without us, too.
LEAKED = "ResourceWarning"


@pytest.mark.parametrize("way", WAYS)
def test_a_program_ends_as_without_us(cluster, way):
    program = (PYTHON, "-W", f"ignore::{LEAKED}", "-m", "tests.processes.exiting", way)
    with Collector() as collector:
        # Nothing is exported before the end.
        exporting = collector.environment("exiting", interval=3600)
        # Its own end starts a thread, too late, and says so; without us, too.
        # That of SQLAlchemy says that it knows no 2.1 yet.
        exporting["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "logging,sqlalchemy"
        env = programs.environment(cluster, **exporting)
        plain = programs.run(*program, env=env)
        ended = programs.run(*INSTRUMENTED, *program, env=env)
        assert (plain.returncode, plain.stderr) == (WAYS[way], "")
        assert (ended.returncode, ended.stderr) == (WAYS[way], "")
        if way != "at_once":
            opens = collector.latest("aurora.connection.opens")
            assert sum(point.value for point in opens) >= 3
            assert any(span.name == "track connection" for span in collector.spans)
    eventually(lambda: sum(map(cluster.sessions, cluster.instances)) == 0)


@pytest.mark.parametrize("way", ["slow", "blocked"])
def test_the_last_failover_is_exported_unless_the_exporter_blocks(cluster, way):
    program = subprocess.Popen(
        (PYTHON, "-m", "tests.processes.reporting_at_exit", way),
        cwd=programs.ROOT,
        env=programs.environment(cluster),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout.readline() == "ready\n"
    cluster.failover(Failover.SWITCHOVER)
    output, _ = program.communicate("\n", timeout=60)
    assert program.returncode == 0
    assert ("failover" in output.split("\n")) is (way == "slow")
