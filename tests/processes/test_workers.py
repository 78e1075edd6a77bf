"""Servers that fork workers, with or without a connection before: each tracks its own alone."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from aurora_otel.lab import Failover
from tests.support.programs import INSTRUMENTED, PYTHON, SCRIPTS, Server, environment
from tests.support.threads import BACKGROUND
from tests.support.waiting import eventually

GUNICORN = (PYTHON, "-m", "gunicorn", "tests.processes.service", "--workers", "2")
GUNICORN += ("--bind", "127.0.0.1:{port}", "--log-level", "error", "--graceful-timeout", "1")
UWSGI = (str(SCRIPTS / "uwsgi"), "--module", "tests.processes.service", "--master")
UWSGI += ("--http-socket", "127.0.0.1:{port}", "--processes", "2", "--enable-threads")
UWSGI += ("--need-app", "--die-on-term", "--disable-logging", "--pythonpath", ".")
# Each forks its workers after the connection was opened in their parent.
FORKING = {
    "gunicorn": (*INSTRUMENTED, *GUNICORN, "--preload"),
    "uwsgi": UWSGI,
    "uwsgi-with-hooks": (*UWSGI, "--py-call-osafterfork"),
}
OF_THE_PARENT = "SELECT pid FROM pg_stat_activity WHERE application_name = 'parent'"


# `make test-all` leaves uWSGI out where it cannot be linked with an interpreter that was fetched.
WITHOUT_UWSGI = pytest.mark.skipif(not Path(UWSGI[0]).exists(), reason="uWSGI is not installed")
# There, each worker dies in CPython's lock of imports, whatever application it has (uWSGI 2.0.31).
WITHOUT_HOOKS = pytest.mark.skipif(sys.version_info >= (3, 13), reason="uWSGI's hooks fail there")
MARKS = {"uwsgi": [WITHOUT_UWSGI], "uwsgi-with-hooks": [WITHOUT_UWSGI, WITHOUT_HOOKS]}
COMMANDS = [
    pytest.param(command, id=name, marks=MARKS.get(name, ())) for name, command in FORKING.items()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_worker_starts_clean_and_leaves_its_parents_connection_alone(cluster, command):
    old = cluster.writer
    with Server(*command, env=environment(cluster)) as server:
        fresh = server.ask_each("state", 2)
        (parent,) = {answer["loaded_in"] for answer in fresh.values()}
        assert parent not in fresh
        for answer in fresh.values():
            assert answer["clusters"] == answer["tracked"] == answer["opens"] == 0
            # uWSGI forks whatever they do: a worker may wait for one that is not there, for ever.
            assert answer["threads_there"] == [] or "uwsgi" not in command[0]
        before = cluster.execute(old, OF_THE_PARENT)
        assert len(before) == 1

        connected = server.ask_each("connect", 2)
        assert connected.keys() == fresh.keys()
        for answer in connected.values():
            assert BACKGROUND in answer["threads"]
        cluster.failover(Failover.SWITCHOVER)
        # Each worker meets the failover itself, and cleans up.
        written = server.ask_each("write", 2)
        for answer in written.values():
            assert answer["error"] == "ReadOnlySqlTransaction"
            assert answer["tracked"] == 0
            assert answer["failovers"] == 1
            assert answer["failures"] == {}
        eventually(lambda: cluster.sessions(old, application_name="worker") == 0)
        assert cluster.execute(old, OF_THE_PARENT) == before

        # A worker that ends leaves the parent's connections alone.
        for pid in fresh:
            os.kill(pid, signal.SIGTERM)
        # A worker that uWSGI starts in another's place while it ends itself is never ended.
        eventually(lambda: not fresh.keys() & server.ask_each("state", 2).keys())
        assert cluster.execute(old, OF_THE_PARENT) == before


@WITHOUT_UWSGI
def test_a_uwsgi_without_workers_to_fork_has_the_agents_threads(cluster):
    alone = [each for each in UWSGI if each not in {"--master", "--processes", "2"}]
    with Server(*alone, env=environment(cluster)) as server:
        answer = server.ask("connect")
        assert answer["loaded_in"] == answer["pid"]
        assert answer["threads_there"] == []
        assert BACKGROUND in answer["threads"]


def test_workers_that_load_the_application_themselves_share_nothing(cluster):
    old = cluster.writer
    with Server(*INSTRUMENTED, *GUNICORN, env=environment(cluster)) as server:
        fresh = server.ask_each("state", 2)
        for pid, answer in fresh.items():
            assert answer["loaded_in"] == pid
            assert answer["tracked"] == answer["opens"] == 1
        assert server.ask_each("connect", 2).keys() == fresh.keys()
        cluster.failover(Failover.SWITCHOVER)
        for answer in server.ask_each("write", 2).values():
            assert answer["error"] == "ReadOnlySqlTransaction"
            assert answer["tracked"] == 0
            assert answer["failovers"] == 1
            assert answer["failures"] == {}
        eventually(lambda: cluster.sessions(old) == 0)
