"""Where SIGPIPE is at its default, a send on a connection that was invalidated ends no process."""

from __future__ import annotations

import json
import subprocess

import pytest

from aurora_otel.lab import Failover
from tests.support.drivers.descriptors import BY_ID
from tests.support.programs import PYTHON, ROOT, environment


@pytest.fixture(params=["pg8000", "pymysql", "mysql-connector-pure", "psycopg2", "mysqlclient"])
def driver(request):
    return BY_ID[request.param]


@pytest.fixture
def cluster(driver, request):
    lab = request.getfixturevalue(driver.engine.lab)
    lab.heal()
    return lab


def test_a_program_that_dies_of_sigpipe_lives_through_a_switchover(driver, cluster):
    writer = ":".join(map(str, cluster.address("writer")))
    login = json.dumps(driver.login(cluster, host="address"))
    program = subprocess.Popen(
        [PYTHON, "-m", "tests.processes.sigpipe", driver.module or driver.package],
        cwd=ROOT,
        env=environment(cluster, PROCESS_LOGIN=login, AURORA_OTEL_WRITER_ENDPOINTS=writer),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout.readline() == "ready\n"
    cluster.failover(Failover.SWITCHOVER)
    seen, errors = program.communicate("\n", timeout=30)
    assert program.returncode == 0
    assert "stale connections: 2 closed" in errors
    # No answer to one statement is taken for another's: nothing was written.
    assert "done" not in json.loads(seen)
