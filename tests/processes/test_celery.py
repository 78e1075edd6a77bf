"""Celery's prefork pool: workers forked from a parent with a connection open."""

from __future__ import annotations

import subprocess

import pytest

from aurora_otel.lab import Failover
from tests.processes.queues import folders
from tests.processes.test_workers import OF_THE_PARENT
from tests.support.programs import INSTRUMENTED, PYTHON, ROOT, environment
from tests.support.waiting import eventually


@pytest.fixture
def worker(cluster, tmp_path, monkeypatch):
    """A worker of two processes; yields what gives it tasks."""
    for name in ("messages", "results"):
        (tmp_path / name).mkdir()
    env = environment(cluster, PROCESS_QUEUE=str(tmp_path), C_FORCE_ROOT="1")
    command = (*INSTRUMENTED, PYTHON, "-m", "celery", "-A", "tests.processes.celery_tasks")
    command += ("worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "ERROR")
    command += ("--without-gossip", "--without-mingle", "--without-heartbeat")
    process = subprocess.Popen(command, cwd=ROOT, env=env)
    # The client only sends: it connects to no database.
    client = _client(tmp_path)
    yield client
    process.terminate()
    process.wait(30)


def _client(directory):
    from celery import Celery  # noqa: PLC0415 - slow to import, and wanted here alone

    client = Celery(broker="filesystem://", backend=f"file://{directory}/results")
    client.conf.broker_transport_options = folders(directory)

    def call(task, *args):
        return client.send_task(f"tests.processes.celery_tasks.{task}", args).get(timeout=60)

    return call


def _each(call, request):
    """Have both processes carry out a request; return their first answers."""
    answers = {}

    def ask():
        answer = call("carry_out", request)
        answers.setdefault(answer["pid"], answer)
        return len(answers) == 2

    eventually(ask, within=60)
    return answers


def test_a_worker_starts_clean_and_leaves_its_parents_connection_alone(cluster, worker):
    old = cluster.writer
    fresh = _each(worker, "state")
    assert all(a["clusters"] == a["opens"] == 0 for a in fresh.values())
    before = cluster.execute(old, OF_THE_PARENT)
    assert len(before) == 1

    _each(worker, "connect")
    limited = worker("write_until_the_limit")
    assert limited["limit"]
    assert limited["failures"] == {}

    cluster.failover(Failover.SWITCHOVER)
    for answer in _each(worker, "write").values():
        assert answer["error"] == "ReadOnlySqlTransaction"
        assert answer["tracked"] == 0
        assert answer["failovers"] == 1
    assert cluster.execute(old, OF_THE_PARENT) == before
