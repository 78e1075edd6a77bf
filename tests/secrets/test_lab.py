"""The lab shows the application's password where it says how to connect, and nowhere else."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pymysql
import pytest

from aurora_otel.lab import Failover
from tests.secrets.search import found
from tests.support.mysql import arguments
from tests.support.sql import attempt

# The lab makes its passwords up: these are the ones.
OF_THE_APPLICATION, OF_THE_ADMINISTRATOR = "canaryapplication", "canaryadministrator"
PROGRAM = f"""
import secrets, sys
secrets.token_hex = {{8: "{OF_THE_APPLICATION}", 16: "{OF_THE_ADMINISTRATOR}"}}.__getitem__
import aurora_otel.cli
sys.exit(aurora_otel.cli.main())
"""
TYPED = "status\nswitchover\nstatus\ncrash\nhang\nrecover\nnonsense\nstatus\n"
HOW_TO_CONNECT = {"postgresql": "host=", "mysql": "mysql://app:"}


@pytest.mark.parametrize("engine", HOW_TO_CONNECT)
def test_the_lab_shows_its_application_s_password_in_connection_strings_alone(engine):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "lab", "--engine", engine],
        check=False,
        capture_output=True,
        input=TYPED,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    showing = [line.strip() for line in lines if found([OF_THE_APPLICATION], {"": line})]
    # Three endpoints and three instances.
    assert len(showing) == 6
    assert all(line.startswith(HOW_TO_CONNECT[engine]) for line in showing)
    exported = {"output": done.stdout, "errors": done.stderr}
    assert "is the writer now" in exported["output"]
    assert found([OF_THE_ADMINISTRATOR], exported) == set()
    assert found([OF_THE_APPLICATION], {"errors": done.stderr}) == set()


@pytest.mark.parametrize(
    ("fixture", "connect"),
    [
        ("lab", lambda lab, **login: psycopg.connect(lab.dsn(), **login)),
        ("mysql_lab", lambda lab, **login: pymysql.connect(**{**arguments(lab), **login})),
    ],
    ids=["postgresql", "mysql"],
)
def test_the_servers_logs_contain_no_password(fixture, connect, request):
    cluster = request.getfixturevalue(fixture)
    cluster.heal()
    wrong = "canary-of-a-login"
    connect(cluster).close()
    assert attempt(lambda: connect(cluster, password=wrong)) is not None
    cluster.failover(Failover.CRASH)
    cluster.heal()
    directory = cluster.log(cluster.writer).parent
    logs = {log.name: log.read_text() for log in directory.glob("*.log")}
    assert logs.keys() == {f"{instance}.log" for instance in cluster.instances}
    assert all(logs.values())
    administrator = cluster._running.servers.server(
        cluster.writer
    )._credentials.administrator_password
    assert found([cluster.password, wrong, administrator], logs) == set()
