"""A file that appears puts a running process into `observe`; its end puts it back."""

import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.sql import READ_ONLY, refused_write, sqlstate
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "observe"


def is_in(mode):
    return lambda: aurora_otel.snapshot().mode == mode


def test_the_kill_switch_ends_closing_within_a_second_under_a_failover(
    start, cluster, connect, file, caplog
):
    agent = start(kill_switch=str(file))
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    away = cluster.failover(Failover.SWITCHOVER)
    file.touch()
    eventually(is_in("observe"), within=1)
    assert "setting mode = observe (the kill switch is on)" in str(aurora_otel.snapshot())
    for _ in range(2):
        for connection in held:
            assert sqlstate(refused_write(connection)) == READ_ONLY
    assert agent.exported.metric(INVALIDATIONS, invalidation_outcome="observed") == 3
    assert agent.exported.metric(INVALIDATIONS, invalidation_outcome="closed") == 0
    assert agent.tracked(away.old_writer) == 3
    # And back.
    file.unlink()
    eventually(is_in("cleanup"), within=1)
    held[0].rollback()
    refused_write(held[0])
    eventually(lambda: agent.tracked(away.old_writer) == 0)
    agent.exported.flush()
    said = [message for message in caplog.messages if "kill switch" in message]
    assert said == [
        f"the kill switch is on: the mode is observe; its file is {file}",
        f"the kill switch is off: the mode is cleanup; its file is {file}",
    ]
    for connection in held:
        connection.close()


def test_it_wins_over_what_instrument_says_later(start, cluster, connect, file):
    file.touch()
    start(kill_switch=str(file))
    start(mode="cleanup")
    assert aurora_otel.snapshot().mode == "observe"
    held = connect(cluster.dsn("writer"))
    cluster.failover(Failover.SWITCHOVER)
    for _ in range(2):
        assert sqlstate(refused_write(held)) == READ_ONLY
    held.close()


def test_what_was_closed_before_is_handed_out_by_no_pool(start, cluster, connect, file):
    agent = start(kill_switch=str(file))
    held = [connect(cluster.dsn("writer")) for _ in range(2)]
    cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(held[0])) == READ_ONLY
    file.touch()
    eventually(is_in("observe"))
    assert not agent.internals.hooks.is_usable(held[1])
    for connection in held:
        connection.close()
