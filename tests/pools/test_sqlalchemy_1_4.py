"""The same tests on SQLAlchemy 1.4, which does not go together with the other one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy

ROOT = Path(__file__).parents[2]
IS_1_4 = sqlalchemy.__version__.startswith("1.4")
MANY = 10
TESTS = ("test_failovers.py", "test_sqlalchemy_features.py", "test_without_a_failover.py")


@pytest.fixture(scope="module")
def environment():
    """The variables with which Python finds SQLAlchemy 1.4; installed beside the rest, once."""
    place = Path(sys.prefix, "sqlalchemy-1.4")
    if not place.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(place)]
        subprocess.run([*install, "SQLAlchemy>=1.4.24,<2"], check=True)
    return {**os.environ, "PYTHONPATH": str(place), "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}


@pytest.mark.timeout(400)
@pytest.mark.skipif(IS_1_4, reason="this is the run on 1.4 itself")
def test_sqlalchemy_1_4_keeps_the_same_promises(environment):
    done = subprocess.run(
        [sys.executable, "-c", "import sqlalchemy; print(sqlalchemy.__version__)"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("1.4")
    # The first pool in all failovers, the others in one of them.
    chosen = "psycopg2 and not one_thread and not DB and (switchover or QueuePool-psycopg2)"
    tests = [str(Path(__file__).with_name(name)) for name in TESTS]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", chosen],
        env=environment,
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-4000:]
    assert int(run.stdout.split(" passed")[0].split()[-1]) >= MANY
