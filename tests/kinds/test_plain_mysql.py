"""MySQL with replicas, with a plain login: a switch of `read_only`, and what is never judged."""

from __future__ import annotations

import threading

import mysql.connector
import pymysql
import pytest

import aurora_otel
from aurora_otel.drivers.marks import track_of
from aurora_otel.lab import Cluster, Failover
from aurora_otel.monitoring.refresh import TopologyRefresh
from tests.kinds.conftest import kinds
from tests.support.sql import attempt, run, write
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"
READ_ONLY, READ_ONLY_TRANSACTION = 1290, 1792
DRIVERS = ("pymysql", "mysql-connector")


@pytest.fixture
def lab(plain_mysql):
    return plain_mysql


@pytest.fixture(params=DRIVERS)
def driver(request):
    return request.param


@pytest.fixture
def connect(cluster, driver):
    """Connects to where an endpoint, or an instance, is reached: a name that says nothing."""

    def connect(target="writer"):
        module = {"pymysql": pymysql, "mysql-connector": mysql.connector}[driver]
        more = {} if driver == "pymysql" else {"use_pure": True}
        host = cluster.address(target)[0]
        return module.connect(**{**cluster.parameters(target, host=host), **more})

    return connect


def at(cluster: Cluster, instance: str) -> str:
    """Return what the agent calls an instance: `report_host` and port."""
    return f"{instance}:{cluster.address(instance)[1]}"


def known_writer(connection):
    return track_of(connection).cluster.current.detector.writer


def serving(connection):
    ((instance,),) = run(connection, "SELECT @@report_host")
    connection.rollback()
    return instance


def code(error):
    return error and error.args[0]


def refused_write(connection):
    """Write; return the code of the error. The transaction is over."""
    error = attempt(lambda: write(connection))
    if error is not None:
        attempt(connection.rollback)
    return code(error)


def seek_doubt(connection):
    """Have the agent refresh: a write is refused that only the application's own wish forbids."""
    run(connection, "START TRANSACTION READ ONLY")
    assert refused_write(connection) == READ_ONLY_TRANSACTION


def readings(agent):
    return len(agent.exported.spans("refresh topology"))


def close(connections):
    for connection in connections:
        attempt(connection.close)


def test_each_connection_is_identified_in_one_round_trip(agent, cluster, connect):
    question = "argument LIKE '%@@global.report_host%' AND argument NOT LIKE '%general_log%'"
    cluster.execute(cluster.writer, "SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1")
    held = [connect() for _ in range(3)]
    cluster.execute(cluster.writer, "SET GLOBAL general_log = 0")
    asked = cluster.execute(
        cluster.writer, f"SELECT COUNT(*) FROM mysql.general_log WHERE {question}"
    )
    cluster.execute(cluster.writer, "TRUNCATE mysql.general_log")
    assert asked == [(3,)]
    held.append(connect("reader"))
    assert not run(held[0], "SHOW WARNINGS")
    write(held[0])
    assert kinds() == {"plain"}
    assert known_writer(held[0]) == at(cluster, cluster.writer)
    assert agent.tracked(at(cluster, cluster.writer)) == 3
    close(held)


@pytest.mark.parametrize("kind", list(Failover), ids=lambda kind: kind.value)
def test_a_failover_leaves_no_session_on_the_old_writer_and_touches_no_reader(
    start, cluster, connect, kind
):
    agent = start(stuck_after=0.5)
    reader = connect(cluster.readers[-1])
    held = [connect() for _ in range(3)]
    run(held[0], "INSERT INTO writes (x) VALUES ('before')")
    switch = cluster.failover(kind)
    if kind is not Failover.HANG:
        # A transaction that was open: even its COMMIT is refused.
        assert attempt(held[0].commit) is not None
    fresh = connect()
    write(fresh)
    eventually(lambda: agent.tracked(at(cluster, switch.old_writer)) == 0)
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    refused = [refused_write(each) for each in held]
    assert READ_ONLY not in refused
    assert serving(fresh) == switch.new_writer
    # After a loss of many connections, first logins are spread over seconds.
    eventually(lambda: known_writer(fresh) == at(cluster, switch.new_writer), within=60)
    assert agent.exported.metric("aurora.failovers") == 1
    assert serving(reader) in cluster.instances
    close([*held, fresh, reader])


def test_without_members_each_held_sessions_own_word_is_enough(start, cluster, connect):
    agent = start(members="")
    held = [connect() for _ in range(4)]
    switch = cluster.failover(Failover.SWITCHOVER)
    # The service leads elsewhere: only the sessions that were kept show what became of the old one.
    assert refused_write(held[0]) == READ_ONLY
    eventually(lambda: agent.tracked(at(cluster, switch.old_writer)) == 0)
    assert READ_ONLY not in [refused_write(each) for each in held[1:]]
    fresh = connect()
    assert serving(fresh) == switch.new_writer
    write(fresh)
    close([*held, fresh])


def test_a_pool_that_reconnected_before_the_service_moved_costs_one_refused_write(
    start, cluster, connect
):
    agent = start(members="")
    before = connect()
    old = at(cluster, cluster.writer)
    switch = cluster.failover(Failover.SWITCHOVER, publish=False)
    assert refused_write(before) == READ_ONLY
    pinned = [connect() for _ in range(4)]
    assert {serving(each) for each in pinned} == {switch.old_writer}
    assert refused_write(pinned[0]) == READ_ONLY
    cluster.publish()
    assert refused_write(pinned[1]) == READ_ONLY
    eventually(lambda: agent.tracked(old) == 0)
    assert READ_ONLY not in [refused_write(each) for each in pinned[2:]]
    fresh = connect()
    write(fresh)
    assert serving(fresh) == switch.new_writer
    close([before, *pinned, fresh])


@pytest.mark.parametrize("are_named", [True, False], ids=["with MEMBERS", "without"])
def test_two_that_are_writable_are_no_verdict(start, cluster, connect, are_named):
    agent = start(**({} if are_named else {"members": ""}))
    old, new = cluster.writer, cluster.readers[0]
    held = {each: [connect(each) for _ in range(2)] for each in (old, new)}
    cluster.promote(new)
    later = [connect(), connect(new)]
    before = readings(agent)
    for connections in held.values():
        seek_doubt(connections[0])
    eventually(lambda: readings(agent) > before)
    for each, connections in held.items():
        for connection in connections:
            write(connection)
            assert serving(connection) == each
    assert agent.exported.metric(INVALIDATIONS) == 0
    close([*held[old], *held[new], *later])


def test_one_that_accepts_writes_since_it_was_read_is_not_judged_by_that_reading(
    start, cluster, connect, monkeypatch
):
    act, has_read, may_act = TopologyRefresh.act, threading.Event(), threading.Event()

    def held_back(*args):
        has_read.set()
        assert may_act.wait(20)
        return act(*args)

    monkeypatch.setattr(TopologyRefresh, "act", held_back)
    agent = start(identify_timeout=20)
    new = cluster.readers[0]
    held = [connect(new)]
    # It has answered by now that it is a reader, and the writer that it is the writer.
    assert has_read.wait(20)
    cluster.promote(new)
    held.append(connect(new))
    assert known_writer(held[0]) == at(cluster, new)
    may_act.set()
    eventually(lambda: readings(agent) > 1)
    for connection in held:
        write(connection)
        assert serving(connection) == new
    assert agent.exported.metric(INVALIDATIONS) == 0
    assert agent.exported.metric("aurora.failovers") == 0
    close(held)


def test_an_old_writer_that_thaws_costs_the_true_one_no_connection(start, cluster, connect):
    agent = start(stuck_after=0.5)
    old = cluster.writer
    frozen = connect()
    switch = cluster.failover(Failover.HANG)
    held = [connect() for _ in range(3)]
    eventually(lambda: known_writer(held[0]) == at(cluster, switch.new_writer))
    eventually(lambda: agent.tracked(at(cluster, old)) == 0)
    cluster.thaw(old)
    eventually(lambda: attempt(lambda: cluster.execute(old, "SELECT 1")) is None)
    zombie = connect(old)
    before = readings(agent)
    for _ in range(3):
        seek_doubt(held[0])
    eventually(lambda: readings(agent) > before)
    for connection in held:
        write(connection)
        assert serving(connection) == switch.new_writer
    assert known_writer(held[0]) == at(cluster, switch.new_writer)
    assert agent.exported.metric("aurora.failovers") == 1
    close([frozen, *held, zombie])


def test_what_must_not_be_closed_is_not(agent, cluster, connect):
    held, readers = [connect() for _ in range(2)], [connect("reader"), connect(cluster.readers[0])]
    for reader in readers:
        assert serving(reader) != cluster.writer
    before = readings(agent)
    seek_doubt(held[0])
    # An administrator has it refuse writes for a moment: there is no other writer.
    cluster.execute(cluster.writer, "SET GLOBAL read_only = 1")
    assert refused_write(held[1]) == READ_ONLY
    cluster.execute(cluster.writer, "SET GLOBAL read_only = 0")
    eventually(lambda: readings(agent) > before)
    for connection in held:
        write(connection)
    for reader in readers:
        run(reader, "SELECT 1")
    assert agent.exported.metric(INVALIDATIONS) == 0
    assert {each.writer for each in aurora_otel.snapshot().clusters} >= {known_writer(held[0])}
    close([*held, *readers])
