"""A process that uses two drivers on one cluster: each connection is asked by its own."""

from __future__ import annotations

import pytest

import aurora_otel
from tests.support.drivers.descriptors import DRIVERS
from tests.support.drivers.engines import WRITE
from tests.support.sql import attempt, run, write


@pytest.fixture
def other(driver):
    """Another driver of the same engine."""
    return next(
        each for each in DRIVERS if each.engine is driver.engine and each.name != driver.name
    )


def test_a_connection_in_doubt_is_asked_by_its_own_driver_whichever_logged_in_last(
    start, cluster, connect, driver, other
):
    agent = start(**driver.settings(cluster))
    mine = connect()
    later = other.connect(cluster)
    for statement in driver.engine.read_only_transaction:
        run(mine, statement)
    error = attempt(lambda: run(mine, WRITE))
    assert driver.code(error) == driver.engine.codes["refused"]
    mine.rollback()
    for connection in (mine, later):
        write(connection)
    assert agent.exported.metric("aurora.connection.invalidations") == 0
    assert aurora_otel.snapshot().internal_failures == {}
    for connection in (mine, later):
        connection.close()
