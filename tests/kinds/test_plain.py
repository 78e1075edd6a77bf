"""PostgreSQL with standbys, with a plain login: recognised, followed, and never judged in doubt."""

from __future__ import annotations

import functools
import time

import pytest

from aurora_otel.drivers.marks import track_of
from aurora_otel.lab import Failover
from tests.kinds.conftest import kinds, logged
from tests.support.sql import READ_ONLY, attempt, refused_write, run, serving, sqlstate, write
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"
QUESTION = "pg_catalog.inet_server_port()"
SERVICE = "db.example.com"


@pytest.fixture
def lab(plain):
    return plain


def at(cluster, instance):
    """Return what the agent calls an instance: the address at which its server listens."""
    return ":".join(map(str, cluster.plain_address(instance)))


def known_writer(connection):
    """Return the writer of a connection's cluster, as the agent knows it."""
    return track_of(connection).cluster.current.detector.writer


def straight(cluster, connect, instance):
    """Connect to an instance by its own address."""
    return connect(cluster.dsn(instance, host=cluster.address(instance)[0]))


def by_service(cluster, connect, **params):
    """Connect by a name that says nothing of itself, and leads where the writer's service does."""
    return connect(cluster.dsn("writer", host=SERVICE, **params))


def close(connections):
    for connection in connections:
        attempt(connection.close)


def seek_doubt(connection):
    """Have the agent refresh: a write is refused that only the application's own wish forbids."""
    run(connection, "SET TRANSACTION READ ONLY")
    assert sqlstate(refused_write(connection)) == READ_ONLY


def readings(agent):
    return len(agent.exported.spans("refresh topology"))


def test_each_connection_is_identified_in_one_round_trip(agent, cluster, connect):
    asked, errors = logged(cluster, QUESTION), logged(cluster, "ERROR:")
    held = [by_service(cluster, connect) for _ in range(3)]
    held.append(connect(cluster.dsn("reader")))
    assert logged(cluster, QUESTION) == asked + 4
    for connection in held[:3]:
        write(connection)
    assert kinds() == {"plain"}
    assert known_writer(held[0]) == at(cluster, cluster.writer)
    assert agent.tracked(at(cluster, cluster.writer)) == 3
    assert logged(cluster, "ERROR:") == errors
    close(held)


@pytest.mark.parametrize("kind", list(Failover), ids=lambda kind: kind.value)
def test_a_failover_leaves_no_session_on_the_old_writer_and_touches_no_reader(
    start, cluster, connect, kind
):
    agent = start(stuck_after=0.5)
    reader = connect(cluster.dsn(cluster.readers[-1]))
    session = reader.info.backend_pid
    held = [by_service(cluster, connect) for _ in range(2)]
    switch = cluster.failover(kind)
    old, new = at(cluster, switch.old_writer), at(cluster, switch.new_writer)
    refused = [sqlstate(refused_write(each)) for each in held] if kind is not Failover.HANG else []
    assert READ_ONLY not in refused
    fresh = by_service(cluster, connect)
    write(fresh)
    assert serving(fresh) == switch.new_writer
    eventually(lambda: {known_writer(each) for each in held} == {new})
    eventually(lambda: agent.tracked(old) == 0)
    # Once for each cluster: the reader's name is another one's, until both know of each other.
    assert max(each.value for each in agent.exported.points("aurora.failovers")) == 1
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    assert reader.info.backend_pid == session
    run(reader, "SELECT 1")
    close([*held, fresh, reader])


def test_a_pool_that_reconnected_before_the_service_moved_costs_one_refused_write(
    start, cluster, connect
):
    agent = start(members="")
    before = [by_service(cluster, connect) for _ in range(2)]
    assert known_writer(before[0]) == at(cluster, cluster.writer)
    switch = cluster.failover(Failover.SWITCHOVER, publish=False)
    for connection in before:
        assert sqlstate(refused_write(connection)) != READ_ONLY
    # The old writer is up again, as a standby, and the service still leads to it.
    pinned = [by_service(cluster, connect) for _ in range(6)]
    assert {serving(each) for each in pinned} == {switch.old_writer}
    reader = connect(cluster.dsn("reader"))
    by_address = straight(cluster, connect, cluster.readers[0])
    assert sqlstate(refused_write(pinned[0])) == READ_ONLY
    assert agent.tracked(at(cluster, switch.old_writer)) >= 6
    cluster.publish()

    # One more at most, and the idle ones are gone as well.
    assert sqlstate(refused_write(pinned[1])) == READ_ONLY
    eventually(lambda: all(each.closed or sqlstate(refused_write(each)) is None for each in pinned))
    eventually(lambda: known_writer(pinned[0]) == at(cluster, switch.new_writer))
    codes = [sqlstate(refused_write(each)) for each in pinned[2:]]
    assert READ_ONLY not in codes
    fresh = by_service(cluster, connect)
    write(fresh)
    assert serving(fresh) == switch.new_writer
    for connection in (reader, by_address):
        run(connection, "SELECT 1")
    close([*before, *pinned, reader, by_address, fresh])


def test_who_reads_by_the_old_primarys_own_name_keeps_the_connection(agent, cluster, connect):
    held = by_service(cluster, connect)
    switch = cluster.failover(Failover.SWITCHOVER)
    by_own_name = [connect(cluster.dsn(switch.old_writer)) for _ in range(3)]
    # The service leads to the new writer, so there is a verdict; those by the name stay behind.
    fresh = by_service(cluster, connect)
    eventually(lambda: known_writer(fresh) == at(cluster, switch.new_writer))
    before = readings(agent)
    for connection in by_own_name[:2]:
        assert sqlstate(refused_write(connection)) == READ_ONLY
    eventually(lambda: readings(agent) > before)
    eventually(lambda: agent.tracked(at(cluster, switch.old_writer)) == 1)
    run(by_own_name[2], "SELECT 1")
    assert serving(by_own_name[2]) == switch.old_writer
    write(fresh)
    close([held, *by_own_name, fresh])


def test_split_brain_the_one_that_was_promoted_last_is_the_writer(agent, cluster, connect):
    old, new = cluster.writer, cluster.readers[0]
    to_old = [straight(cluster, connect, old) for _ in range(3)]
    cluster.promote(new)
    to_new = [straight(cluster, connect, new) for _ in range(3)]
    seek_doubt(to_old[0])
    eventually(lambda: known_writer(to_old[0]) == at(cluster, new))
    eventually(lambda: agent.tracked(at(cluster, old)) == 0)
    for _ in range(3):
        seek_doubt(to_new[0])
        for connection in to_new:
            write(connection)
            assert serving(connection) == new
    # The old one still claims, and a connection to it by its address changes nothing.
    misled = straight(cluster, connect, old)
    write(to_new[0])
    assert known_writer(to_new[0]) == at(cluster, new)
    assert agent.exported.metric("aurora.failovers") == 1
    close([*to_old, *to_new, misled])


def test_two_that_were_promoted_apart_are_no_verdict(agent, cluster, connect):
    old, (one, other) = cluster.writer, cluster.readers
    held = by_service(cluster, connect)
    # Either leaves the old one's timeline for one of the same number.
    cluster.promote(one)
    cluster.promote(other)
    to = {each: [straight(cluster, connect, each) for _ in range(2)] for each in (one, other)}
    before = readings(agent)
    for connections in to.values():
        seek_doubt(connections[0])
    eventually(lambda: readings(agent) > before)
    assert agent.exported.metric(INVALIDATIONS) == 0
    for each, connections in to.items():
        for connection in connections:
            write(connection)
            assert serving(connection) == each
    assert known_writer(held) == at(cluster, old)
    close([held, *to[one], *to[other]])


def test_an_old_writer_that_thaws_costs_the_true_one_no_connection(start, cluster, connect):
    agent = start(stuck_after=0.5)
    old = cluster.writer
    frozen = [by_service(cluster, connect) for _ in range(2)]
    switch = cluster.failover(Failover.HANG)
    held = [by_service(cluster, connect) for _ in range(3)]
    eventually(lambda: known_writer(held[0]) == at(cluster, switch.new_writer))
    eventually(lambda: agent.tracked(at(cluster, old)) == 0)
    cluster.thaw(old)
    eventually(lambda: attempt(lambda: cluster.execute(old, "SELECT 1")) is None)
    zombie = straight(cluster, connect, old)
    until = time.monotonic() + 2.0
    while time.monotonic() < until:
        seek_doubt(held[0])
        for connection in held:
            write(connection)
            assert serving(connection) == switch.new_writer
    assert known_writer(held[0]) == at(cluster, switch.new_writer)
    assert agent.exported.metric("aurora.failovers") == 1
    close([*frozen, *held, zombie])


def test_what_must_not_be_closed_is_not(agent, cluster, connect):
    held = [by_service(cluster, connect) for _ in range(2)]
    readers = [connect(cluster.dsn(each)) for each in ("reader", "custom")]
    readers.append(straight(cluster, connect, cluster.readers[0]))
    before = readings(agent)
    seek_doubt(held[0])
    for reader in readers[:2]:
        assert serving(reader) in cluster.instances
        attempt(functools.partial(write, reader))
        attempt(reader.rollback)
    eventually(lambda: readings(agent) > before)
    for connection in held:
        write(connection)
    for connection in readers:
        run(connection, "SELECT 1")
    assert agent.exported.metric(INVALIDATIONS) == 0
    close([*held, *readers])
