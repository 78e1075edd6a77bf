"""`docs/adding-a-driver.md`: what its examples say is all that it takes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aurora_otel.lab import Failover
from tests.support.extending import ROOT, Extension, running
from tests.support.waiting import eventually

DRIVER = Extension("adding-a-driver.md", "drivers/pgdb.py", block=1)
ON_A_LOOP = Extension("adding-a-driver.md", "drivers/asyncpg_in_one_file.py", block=2)
CALL, *_ = DRIVER.blocks


@pytest.fixture
def with_file(tmp_path) -> Path:
    """A copy of the package, with the file and the line."""
    return DRIVER.copy_into(tmp_path)


@pytest.fixture
def run(cluster):
    """Run the application through a switch-over; return what it reported before and after it."""

    def run(path: Path, *statements: str, driver: str = "pgdb"):
        host, port = cluster.address("writer")
        login = {"user": cluster.user, "password": cluster.password, "database": cluster.database}
        settings = {
            "instance_endpoints": cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"],
            "writer_endpoints": host,
        }
        arguments = json.dumps({"host": host, "port": port, **login}), json.dumps(settings)
        with running(path, f"{driver}_application.py", *arguments, *statements) as reports:
            before = next(reports)
            switch = cluster.failover(Failover.SWITCHOVER)
            after = next(reports)
            eventually(lambda: cluster.sessions(switch.old_writer) == 0)
        assert before["agent"] == str(path / "aurora_otel" / "__init__.py")
        assert before["tracked"] == {switch.old_writer: {driver: 2}}
        assert after["sqlstate"] == "25006"
        assert after["tracked"] == {switch.new_writer: {driver: 1}}
        assert (after["failovers"], after["failures"]) == (1, {})
        return before

    return run


def test_one_call_takes_an_unknown_driver_through_a_failover(run):
    assert not run(ROOT, CALL)["is_plain"]


def test_one_file_and_one_line_take_a_driver_through_a_failover(run, with_file):
    assert run(with_file)["is_plain"]


def test_one_file_takes_a_driver_for_event_loops_through_a_failover(run, tmp_path):
    package = ON_A_LOOP.copy_into(tmp_path) / "aurora_otel"
    shutil.rmtree(package / "drivers" / "asyncpg")
    registry = package / "drivers" / "__init__.py"
    ours = registry.read_text().replace(ON_A_LOOP.line, "")
    registry.write_text(ours.replace("drivers.asyncpg", "drivers.asyncpg_in_one_file"))
    assert run(tmp_path, driver="asyncpg")["is_plain"]
