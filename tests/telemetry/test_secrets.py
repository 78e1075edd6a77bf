"""No password in anything that the agent tells, whatever happens to it."""

import gc
import logging
import sys

import psycopg
import psycopg2
import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.conftest import eventually

ERRORS = (psycopg.Error, psycopg2.Error)


@pytest.fixture
def everything(start, cluster, caplog):
    """Starts the agent; tells all that it ever told or shows, as one text."""
    caplog.set_level(logging.DEBUG, logger="aurora_otel")

    def text(agent):
        records = [
            str(vars(record)) + caplog.handler.format(record)
            for record in caplog.records
            if record.name.startswith("aurora_otel")
        ]
        data = agent.told.reader.get_metrics_data()
        spans = [span.to_json() for span in agent.told.spans()]
        assert records
        shown = [repr(thing) for thing in gc.get_objects() if is_ours(thing)]
        assert any("<Login>" in each for each in shown)
        snapshot = aurora_otel.snapshot()
        return "\n".join([*records, *spans, data.to_json(), *shown, repr(snapshot), str(snapshot)])

    return text


@pytest.fixture
def shown(agent, everything):
    return agent, everything


def is_ours(thing):
    module = getattr(type(thing), "__module__", None)
    return isinstance(module, str) and module.startswith("aurora_otel.") and "lab" not in module


def suffer_a_failover(cluster, agent, connection):
    switch = cluster.failover(Failover.SWITCHOVER)
    with pytest.raises(ERRORS):
        connection.cursor().execute("INSERT INTO writes (x) VALUES ('x')")
    eventually(lambda: agent.tracked(switch.old_writer) == 0)


def test_connecting_failing_to_connect_and_a_failover_tell_no_password(
    agent, everything, cluster, connect
):
    connection = connect(cluster.dsn("writer"))
    with pytest.raises(ERRORS):
        connect(cluster.dsn("writer", password="canary-of-a-failed-connect"))
    with pytest.raises(ERRORS):
        connect(cluster.dsn("writer", port=1, password="canary-of-a-closed-port"))
    suffer_a_failover(cluster, agent, connection)
    text = everything(agent)
    assert cluster.writer in text
    assert cluster.password not in text
    assert "canary" not in text


def test_a_login_that_is_refused_while_we_look_tells_no_password(
    start, everything, cluster, connect
):
    agent = start(refresh_timeout=0.3)
    connection = connect(cluster.dsn("writer"))
    # The password was changed meanwhile: none of our connections can be opened.
    statement = f"ALTER ROLE {cluster.user} PASSWORD "
    cluster.execute(cluster.writer, statement + "'canary-of-another-password'")
    try:
        cursor = connection.cursor()
        cursor.execute("SET TRANSACTION READ ONLY")
        with pytest.raises(ERRORS):
            cursor.execute("INSERT INTO writes (x) VALUES ('x')")
        text = everything(agent)
        assert "OperationalError" in text
        assert cluster.password not in text
        assert "canary" not in text
    finally:
        cluster.execute(cluster.writer, f"{statement}'{cluster.password}'")
    connection.close()


PLACES = [
    "opening.Identification.identify",
    "detector.Detector.judge",
    "cleanup.identify",
    "cleanup.shut_down",
    "discovery.sql.Walk.read",
    "tracker.Tracker.note",
    "arrivals.Arrivals._cluster_of",
    "refresh.Refresher.symptom",
    "telemetry.spans.Spans.failover",
]


@pytest.mark.parametrize("place", PLACES)
def test_an_internal_failure_tells_no_password_and_stays_inside(
    shown, cluster, connect, monkeypatch, place
):
    agent, everything = shown
    dsn = cluster.dsn("writer")
    before = connect(dsn)

    def broken(*_args, **_kwargs):
        error = LookupError(f"canary: {dsn}")
        if sys.version_info >= (3, 11):
            error.add_note(dsn)
        raise error from KeyError(dsn)

    with monkeypatch.context() as patched:
        patched.setattr(f"aurora_otel.{place}", broken)
        connection = connect(dsn)
        cluster.failover(Failover.SWITCHOVER)
        # The application meets what it would meet without us.
        for each in (before, connection):
            with pytest.raises(ERRORS):
                each.cursor().execute("INSERT INTO writes (x) VALUES ('x')")
        eventually(lambda: aurora_otel.snapshot().internal_failures)
        text = everything(agent)
    assert "LookupError" in text
    assert cluster.password not in text
    assert "canary" not in text
    agent.internals.shield.failures.clear()


def test_another_process_tells_no_password(lab, told):
    collector = told.collector
    text = "\n".join(map(str, (collector.spans, collector.logs, collector.exports)))
    ours = [span for span in collector.spans if span.scope.name == "aurora_otel"]
    assert ours
    assert lab.password not in text


@pytest.fixture
def broken(monkeypatch, driver):
    """While this is set, no connection of the driver can be tracked."""

    def fail(*_):
        raise LookupError

    with monkeypatch.context() as patched:
        patched.setattr(f"aurora_otel.drivers.{driver}.Adapter.fileno", fail)
        yield


def test_an_internal_failure_is_logged_once_per_kind_and_counted(
    agent, cluster, connect, broken, caplog
):
    for _ in range(3):
        connect(cluster.dsn("writer")).close()
    failures = dict(aurora_otel.snapshot().internal_failures)
    assert failures == {"track a connection: LookupError": 3}
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert errors[0].exc_info is None
    assert "internal failure (3): track a connection: LookupError" in str(aurora_otel.snapshot())
    agent.internals.shield.failures.clear()
