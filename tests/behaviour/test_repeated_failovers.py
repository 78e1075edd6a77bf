"""Staleness is a state: failovers that were missed, or came in a row, or went back."""

from __future__ import annotations

from aurora_otel.lab import Failover
from tests.support.sql import READ_ONLY, attempt, refused_write, serving, sqlstate, write
from tests.support.waiting import eventually


def test_a_missed_failover_is_cleaned_up_with_the_next(agent, cluster, connect):
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    missed = cluster.failover(Failover.SWITCHOVER)
    # Names alone lead here: no server reports the change to the agent.
    on_the_second = connect(cluster.dsn(missed.new_writer))
    write(on_the_second)
    assert agent.tracked(missed.old_writer) == 3
    third = next(each for each in cluster.readers if each != missed.old_writer)
    cluster.failover(Failover.SWITCHOVER, target=third)

    assert sqlstate(refused_write(on_the_second)) == READ_ONLY
    assert agent.tracked(missed.old_writer) == 0
    assert agent.tracked(missed.new_writer) == 0
    eventually(lambda: cluster.sessions(missed.old_writer) == 0)
    for connection in (*held, on_the_second):
        connection.close()


def test_two_failovers_in_a_row_are_both_cleaned_up(agent, cluster, connect):
    switches = []
    for number in (1, 2):
        held = [connect(cluster.dsn("writer")) for _ in range(3)]
        switches.append(cluster.failover(Failover.SWITCHOVER))
        assert sqlstate(refused_write(held[0])) == READ_ONLY
        assert agent.tracked(switches[-1].old_writer) == 0
        assert agent.exported.metric("aurora.failovers") == number
        for connection in held:
            connection.close()
    fresh = connect(cluster.dsn("writer"))
    write(fresh)
    assert serving(fresh) == switches[-1].new_writer
    writers = [
        (
            span.attributes["aurora.failover.old_writer"],
            span.attributes["aurora.failover.new_writer"],
        )
        for span in agent.exported.spans("failover")
    ]
    assert writers == [(each.old_writer, each.new_writer) for each in switches]
    fresh.close()


def test_a_failover_back_is_cleaned_up_and_spares_who_is_right_again(agent, cluster, connect):
    first = connect(cluster.dsn("writer"))
    there = cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(first)) == READ_ONLY
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    back = cluster.failover(Failover.SWITCHOVER, target=there.old_writer)

    fresh = connect(cluster.dsn("writer"))
    eventually(lambda: agent.tracked(back.old_writer) == 0)
    assert agent.tracked(back.new_writer) == 1
    for connection in held:
        assert attempt(lambda connection=connection: write(connection)) is not None
        connection.close()
    write(fresh)
    assert agent.exported.metric("aurora.failovers") == 2
    first.close()
    fresh.close()


def test_a_connection_meant_for_the_former_writer_is_left_alone(agent, cluster, connect):
    first = connect(cluster.dsn("writer"))
    switch = cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(first)) == READ_ONLY
    # Opened after the change, by the instance's own name: the application means this instance.
    meant = connect(cluster.dsn(switch.old_writer))
    assert sqlstate(refused_write(meant)) == READ_ONLY
    assert serving(meant) == switch.old_writer
    assert agent.exported.metric("aurora.connection.stale") == 0
    first.close()
    meant.close()
