"""The sample application, as a process, on a real cluster."""

import json
import os
import subprocess
import time

import psycopg
import pytest

from aurora_otel.demo.application import APP, COMMAND, Application, ApplicationError, with_app
from aurora_otel.demo.recording import ClientKind, Operation, Outcome, Timeline
from aurora_otel.demo.run import NAMED_BY
from aurora_otel.demo.sample.app.postgresql import PostgreSQL
from aurora_otel.lab import Cluster, Failover

PATIENCE = 20


@pytest.fixture(params=["postgresql", "mysql"])
def cluster(request):
    with Cluster(engine=request.param) as cluster:
        yield cluster


@pytest.fixture
def timeline():
    return Timeline("without")


@pytest.fixture
def application(cluster, timeline):
    named = {NAMED_BY[cluster.engine]: "demo"}
    dsn = cluster.dsn(**named, connect_timeout=2)
    hosts = [f"{name}={address}" for name, address in cluster.hosts.items()]
    with Application(
        [dsn, "--writers=2", "--idle=3", "--fresh-every=0.2", "--resolve", *hosts],
        environment={},
        instrumented=False,
        timeline=timeline,
    ) as application:
        until(lambda: count(timeline, Outcome.OK, ClientKind.FRESH) > 0)
        yield application


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def count(timeline, outcome, kind=None):
    return sum(call.outcome is outcome and kind in {None, call.kind} for call in timeline.calls)


def test_it_holds_its_connections_and_only_the_writers_write(cluster, application, timeline):
    assert cluster.sessions("lab-1", application_name="demo") in {5, 6}  # with or without the fresh
    assert count(timeline, Outcome.OK, ClientKind.WRITER) > 0
    assert count(timeline, Outcome.OK, ClientKind.IDLE) == 0
    assert application.stop()
    ((written,),) = cluster.execute("lab-1", "SELECT CAST(sum(writes) AS decimal) FROM tallies")
    assert written == count(timeline, Outcome.OK)
    assert application.output == ""


def test_a_refused_write_leaves_the_connection_in_use(cluster, application, timeline):
    cluster.failover(Failover.SWITCHOVER)
    application.use_idle()
    until(lambda: count(timeline, Outcome.REFUSED, ClientKind.IDLE) == 3)
    until(lambda: count(timeline, Outcome.REFUSED, ClientKind.WRITER) > 10)
    assert cluster.sessions("lab-1", application_name="demo") == 5
    assert application.stop()
    refused = [call for call in timeline.calls if call.outcome is Outcome.REFUSED]
    number = {"postgresql": "25006", "mysql": "1290"}[cluster.engine]
    assert all(number in call.error for call in refused)
    held = [call for call in timeline.calls if call.kind is not ClientKind.FRESH]
    assert sum(call.operation is Operation.CONNECT for call in held) == 5


def test_a_lost_connection_is_opened_again(cluster, application, timeline):
    cluster.failover(Failover.CRASH)
    application.use_idle()
    until(lambda: count(timeline, Outcome.OK, ClientKind.IDLE) == 3)
    until(lambda: cluster.sessions("lab-2", application_name="demo") >= 5)
    assert application.stop()
    closed = [call for call in timeline.calls if call.outcome is Outcome.CLOSED]
    assert {call.client for call in closed} >= {"idle-1", "idle-2", "idle-3", "writer-1"}
    assert len({call.connection for call in closed}) == len(closed)


def test_calls_that_hang_are_reported_and_the_application_is_ended(cluster, application, timeline):
    cluster.failover(Failover.HANG)
    application.use_idle()
    held = {"writer-1", "writer-2", "idle-1", "idle-2", "idle-3"}
    until(lambda: {call.client for call in timeline.in_flight} >= held)
    assert not application.stop()
    assert {call.client for call in timeline.in_flight} >= held
    assert all(call.outcome is Outcome.IN_FLIGHT for call in timeline.in_flight)


def test_an_application_that_ended_is_an_error_that_says_why(timeline):
    with Application(
        ["host=127.0.0.1 port=1"], environment={}, instrumented=False, timeline=timeline
    ) as application:

        def ended():
            try:
                application.check()
            except ApplicationError as error:
                return "OperationalError" in str(error)
            return False

        until(ended)


def test_it_ends_when_its_parent_is_gone(cluster):
    address, _ = cluster.address("writer")
    process = subprocess.Popen(
        [*COMMAND, cluster.dsn(host=address), "--writers=1", "--idle=0"],
        env=with_app(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert json.loads(process.stdout.readline())["calls"]
        process.stdin.close()
        assert process.wait(PATIENCE) == 1


def test_it_knows_nothing_of_the_agent():
    files = {path.name: path.read_text(encoding="utf-8") for path in APP.glob("*.py")}
    assert {"__main__.py", "threads.py", "tasks.py"} <= set(files)
    assert not [name for name, text in files.items() if "aurora_otel" in text]


def test_an_error_is_described_with_its_sqlstate_only_if_it_has_one():
    lost = psycopg.OperationalError("server closed the connection\nunexpectedly")
    assert PostgreSQL().described(lost) == "OperationalError: server closed the connection"
    refused = psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT")
    assert PostgreSQL().described(refused) == "ReadOnlySqlTransaction 25006: cannot execute INSERT"
