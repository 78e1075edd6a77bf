"""Every call that goes to the network is watched: an error in it is noticed as a symptom."""

from __future__ import annotations

import aurora_otel
from tests.behaviour.sql import attempt, run
from tests.conftest import eventually


def window_open() -> bool:
    return aurora_otel.snapshot().clusters[0].window_open


def test_an_error_in_a_call_is_noticed(start, cluster, connect, driver, call):
    # The loop, which would see the hang-up itself, looks once and then no more.
    start(prune_interval=600, **driver.settings(cluster))
    connection = connect()
    number = driver.session(connection)
    prepared = call.prepare(connection)
    cluster.execute(cluster.writer, driver.engine.kill, number)
    eventually(lambda: not cluster.execute(cluster.writer, driver.engine.is_there, number))
    assert not window_open()

    assert isinstance(attempt(lambda: call.act(prepared)), driver.dbapi.Error)
    eventually(window_open)
    attempt(connection.close)


def test_a_call_that_the_server_answers_is_no_symptom(agent, connect, driver):
    connection = connect()
    assert attempt(lambda: run(connection, "SELECT nonsense")) is not None
    connection.rollback()
    assert not window_open()
    connection.close()
