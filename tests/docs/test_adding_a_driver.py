"""`docs/adding-a-driver.md`: what its examples say is all that it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aurora_otel.lab import Failover
from tests.support.extending import ROOT, Extension
from tests.support.waiting import eventually

DRIVER = Extension("adding-a-driver.md", "drivers/pgdb.py")
CALL, _ = DRIVER.blocks


@pytest.fixture
def with_file(tmp_path) -> Path:
    """A copy of the package, with the file and the line."""
    return DRIVER.copy_into(tmp_path)


@pytest.fixture
def run(cluster):
    """Run the application through a switch-over; return what it reported before and after it."""

    def run(path: Path, *statements: str):
        host, port = cluster.address("writer")
        login = {"user": cluster.user, "password": cluster.password, "database": cluster.database}
        settings = {
            "instance_endpoints": cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"],
            "writer_endpoints": host,
        }
        application = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("pgdb_application.py")),
                json.dumps({"host": host, "port": port, **login}),
                json.dumps(settings),
                *statements,
            ],
            env={**os.environ, "PYTHONPATH": str(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with application:
            before = json.loads(application.stdout.readline())
            switch = cluster.failover(Failover.SWITCHOVER)
            application.stdin.write("\n")
            application.stdin.flush()
            after = json.loads(application.stdout.readline())
            eventually(lambda: cluster.sessions(switch.old_writer) == 0)
        assert application.returncode == 0
        assert before["agent"] == str(path / "aurora_otel" / "__init__.py")
        assert before["tracked"] == {switch.old_writer: {"pgdb": 2}}
        assert after["sqlstate"] == "25006"
        assert after["tracked"] == {switch.new_writer: {"pgdb": 1}}
        assert (after["failovers"], after["failures"]) == (1, {})
        return before

    return run


def test_one_call_takes_an_unknown_driver_through_a_failover(run):
    assert not run(ROOT, CALL)["is_plain"]


def test_one_file_and_one_line_take_a_driver_through_a_failover(run, with_file):
    assert run(with_file)["is_plain"]
