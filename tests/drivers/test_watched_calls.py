"""Every call that goes to the network is watched: an error in it is noticed as a symptom."""

from __future__ import annotations

import gc

import pytest

import aurora_otel
from tests.support.sql import attempt, run
from tests.support.waiting import eventually


def window_open() -> bool:
    return aurora_otel.snapshot().clusters[0].window_open


# PyMySQL's unbuffered result cannot be collected after a loss without a complaint of its own.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_error_in_a_call_is_noticed(start, cluster, driver, call):
    # The loop would see the hang-up itself: its first round is a long way off.
    start(prune_interval=600, **driver.settings(cluster))
    lose_and_call(cluster, driver, call)
    eventually(window_open)
    gc.collect()


def lose_and_call(cluster, driver, call) -> None:
    connection = driver.connect(cluster)
    number = driver.session(connection)
    prepared = call.prepare(connection)
    cluster.execute(cluster.writer, driver.engine.kill, number)
    eventually(lambda: not cluster.execute(cluster.writer, driver.engine.is_there, number))
    assert not window_open()

    error = attempt(lambda: call.act(prepared))
    assert error is None if call.is_silent else isinstance(error, driver.errors)
    attempt(connection.close)


def test_a_call_that_the_server_answers_is_no_symptom(agent, connect, driver):
    connection = connect()
    assert attempt(lambda: run(connection, "SELECT nonsense")) is not None
    connection.rollback()
    assert not window_open()
    connection.close()
