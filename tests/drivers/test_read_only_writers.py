"""A writer is one that accepts writes: one whose own setting forbids them claims nothing."""

from __future__ import annotations

import aurora_otel
from tests.support.drivers.engines import WRITE
from tests.support.sql import attempt, run, write
from tests.support.waiting import eventually


def test_a_writer_that_is_read_only_by_its_own_setting_is_never_confirmed(
    agent, cluster, connect, driver
):
    cluster.set_read_only(cluster.writer, on=True)
    held = [connect() for _ in range(2)]
    sessions = [driver.session(connection) for connection in held]
    error = attempt(lambda: run(held[0], WRITE))
    assert driver.code(error) == driver.engine.codes["read_only"]
    held[0].rollback()

    (known,) = aurora_otel.snapshot().clusters
    assert known.writer is None
    assert known.window_open
    assert agent.exported.metric("aurora.connection.misroutes") == 0
    assert agent.exported.metric("aurora.connection.invalidations") == 0
    assert [driver.session(connection) for connection in held] == sessions

    cluster.set_read_only(cluster.writer, on=False)
    eventually(lambda: aurora_otel.snapshot().clusters[0].writer == cluster.writer)
    for connection in held:
        write(connection)
        connection.close()
