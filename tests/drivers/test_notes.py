"""An error that reaches the application because of a failover says so in a note."""

from __future__ import annotations

import re
import sys

import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.sql import attempt, notes_of, run, write

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")

# The loop notices the end of a connection, and the next call's error is not the network's.
NOTICE_AT_ONCE = {"asyncpg"}


@pytest.fixture
def agent(start, cluster, driver):
    """An agent whose calls wait for a verdict, and notice first, however busy the machine is.

    A round that notices a crash refreshes in vain, before another instance is promoted. A call that
    fails just after that says so: it is too early for another refresh.
    """
    return start(refresh_timeout=20, prune_interval=60, **driver.settings(cluster))


def is_noted(error, event, switch):
    """Return whether the one note on `error` says that, and what was decided."""
    (known,) = aurora_otel.snapshot().clusters
    place = rf"cluster {known.id}, instance {switch.old_writer}, role reader"
    decision = rf"{switch.new_writer} confirmed itself as the writer \d+\.\d\d s ago"
    (note,) = notes_of(error)
    return re.match(rf"aurora-otel: {event} \({place}\): {decision}", note)


def test_a_refused_write_and_a_connection_that_was_shut_down_are_explained(
    agent, cluster, connect, driver
):
    used, idle = connect(), connect()
    plain = (attempt(lambda: run(used, "SELECT nothing")), used.rollback())[0]
    switch = cluster.failover(Failover.SWITCHOVER)
    refused = attempt(lambda: write(used))
    assert driver.code(refused) == driver.engine.codes["read_only"]
    assert is_noted(refused, "write refused", switch)
    assert notes_of(refused)[0].endswith("; this connection has been shut down")
    shut_down = attempt(lambda: run(idle, "SELECT 1"))
    assert isinstance(shut_down, driver.errors)
    if driver.name not in NOTICE_AT_ONCE:
        assert is_noted(shut_down, "connection was shut down as stale", switch)
    for error in (refused, shut_down):
        assert cluster.password not in "".join(notes_of(error))
        assert "aurora" not in f"{error} {error.args} {error!r}"
    assert notes_of(plain) == []
    for connection in (used, idle):
        attempt(connection.close)


def test_a_connection_that_was_lost_with_its_server_is_explained(agent, cluster, connect, driver):
    if driver.name in {*NOTICE_AT_ONCE, "asyncmy"}:
        pytest.skip("it has noticed before the call, which does not go to the network")
    held = connect()
    switch = cluster.failover(Failover.CRASH)
    error = attempt(lambda: run(held, "SELECT 1"))
    assert isinstance(error, driver.errors)
    # mysql-connector asks the server before the call, and keeps the error of that to itself.
    assert is_noted(error, "connection (lost|was shut down as stale)", switch)
    attempt(held.close)


def test_in_observe_mode_the_errors_stay_as_they_are(start, cluster, connect, driver):
    start(mode="observe", **driver.settings(cluster))
    held = connect()
    cluster.failover(Failover.SWITCHOVER)
    error = attempt(lambda: write(held))
    assert driver.code(error) == driver.engine.codes["read_only"]
    assert notes_of(error) == []
    attempt(held.close)
