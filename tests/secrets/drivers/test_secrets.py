"""No secret in anything that is exported, whatever happens to a connection: with every driver."""

from __future__ import annotations

import inspect

import pytest

import aurora_otel
from tests.secrets.search import found, sinks
from tests.support.drivers.engines import WRITE
from tests.support.sql import attempt, run

WRONG, LITERAL, BOUND = "canary-of-a-login", "canary-of-a-literal", "canary-of-a-value"
# As an application that signs its own is given it; a token is recognised by its form.
TOKEN = (
    "lab.cluster-c0ffee123456.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=app"
    "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=CANARYKEY%2F20260101%2Feu-west-1%2Frds-db"
    "%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host"
    "&X-Amz-Security-Token=canary-of-a-session&X-Amz-Signature=canary-of-a-signature"
)
PARTS_OF_THE_TOKEN = (TOKEN, "CANARYKEY", "canary-of-a-session", "canary-of-a-signature")
# Each server quotes what it refuses.
QUOTED = {
    "postgresql": "SELECT CAST(%s AS int)",
    "mysql": "SELECT EXTRACTVALUE('<a/>', CONCAT('~', %s))",
}


@pytest.fixture
def secrets(cluster):
    return [cluster.password, WRONG, *PARTS_OF_THE_TOKEN, LITERAL, BOUND]


@pytest.fixture
def start_for(start, driver, cluster):
    return lambda **settings: start(**driver.settings(cluster), refresh_timeout=0.3, **settings)


def log_in_in_vain(driver, cluster):
    arguments = driver.login(cluster)
    database = next(name for name in ("dbname", "db", "database") if name in arguments)
    for wrong in ({"password": WRONG}, {"password": TOKEN}, {"port": 1}, {database: "nowhere"}):
        error = attempt(lambda wrong=wrong: driver.open({**arguments, **wrong}))
        assert isinstance(error, driver.errors)


def say_what_is_refused(driver, connection):
    for statement, *values in (
        (f"SELECT '{LITERAL}'",),
        (f"INSERT INTO no_such_table VALUES ('{LITERAL}')",),
        (f"SELECT'{LITERAL}' FROM nothing",),
        (QUOTED[driver.engine.name], BOUND),
    ):
        attempt(lambda s=statement, v=values: run(connection, s, *v))
        attempt(connection.rollback)


def test_failed_logins_and_refused_statements_export_no_secret(  # noqa: PLR0913, PLR0917 - fixtures
    start_for, driver, cluster, connect, secrets, every_record
):
    for query_spans in ("off", "summary", "text"):
        agent = start_for(query_spans=query_spans)
        log_in_in_vain(driver, cluster)
        connection = connect()
        say_what_is_refused(driver, connection)
        exported = sinks(agent.exported, every_record)
        if query_spans == "text":
            # As was asked for.
            assert found([LITERAL], exported) == ({"spans"} if driver.has_query_spans else set())
            secrets.remove(LITERAL)
        assert found(secrets, exported) == set()
        assert cluster.writer in exported["spans"]
        assert "<Login>" in exported["reprs"]
        connection.close()


def test_what_lives_only_while_a_connection_is_opened_exports_no_secret(  # noqa: PLR0913, PLR0917 - fixtures
    start_for, driver, cluster, connect, secrets, every_record, monkeypatch
):
    agent = start_for()
    connect().close()
    adapter = type(agent.internals.use_cases.openings.drivers[driver.name])
    mark = adapter.mark
    exported = []

    def search_and_mark(*args):
        exported.append(sinks(agent.exported, every_record))
        mark(*args)

    monkeypatch.setattr(adapter, "mark", search_and_mark)
    connect().close()
    assert ["<Opening>" in each["reprs"] for each in exported] == [True]
    assert found(secrets, exported[0]) == set()


def broken(*_args, **_kwargs):
    error = LookupError(WRONG)
    error.__cause__ = KeyError(LITERAL)
    raise error


def methods_of(adapter):
    """What a driver's file offers to the agent, but for what its own hooks are made of."""
    return {
        name
        for name, _ in inspect.getmembers(type(adapter), inspect.isfunction)
        if not name.startswith("_") and name not in {"ask_plain", "install", "is_closed", "socket"}
    }


def test_a_failure_in_a_driver_s_methods_stays_inside_and_exports_no_secret(  # noqa: PLR0913, PLR0917 - fixtures
    start_for, driver, cluster, connect, secrets, every_record, monkeypatch
):
    agent = start_for(query_spans="summary")
    connect().close()
    adapter = agent.internals.use_cases.openings.drivers[driver.name]
    assert {"address", "ask", "fileno", "mark", "monitor", "password"} <= methods_of(adapter)
    for name in methods_of(adapter):
        with monkeypatch.context() as patched:
            patched.setattr(type(adapter), name, broken)
            connection = connect()
            for statement in driver.engine.read_only_transaction:
                run(connection, statement)
            error = attempt(lambda c=connection: run(c, WRITE))
            assert driver.code(error) == driver.engine.codes["refused"], name
            attempt(connection.rollback)
            connection.close()
    failed = aurora_otel.snapshot().internal_failures
    assert all("LookupError" in each for each in failed)
    assert failed
    assert found(secrets, sinks(agent.exported, every_record)) == set()
    agent.internals.shield.failures.clear()
