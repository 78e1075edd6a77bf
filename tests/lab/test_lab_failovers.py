import functools
import re
import socket
import time

import pytest

from aurora_otel.lab import Cluster, Condition, Failover, LabError
from tests.lab.sessions import exists, instance, is_silent, named_writer, role
from tests.support.servers import main_process
from tests.support.waiting import eventually

FORBIDDEN = {
    "postgresql": ["CREATE ROLE another", "SELECT pg_read_file('postgresql.conf')"],
    "mysql": ["CREATE USER another", "SET GLOBAL read_only = 0"],
}


def _refused(connection, table):
    with pytest.raises(Exception) as error:  # noqa: PT011 -- each driver has its own
        connection.run(f"INSERT INTO {table} VALUES (1)")
    return connection.refused(error.value)


def test_every_instance_reports_its_identifier_and_role(cluster, connect):
    for name in cluster.instances:
        connection = connect(name)
        assert instance(connection) == name
        assert role(connection) == ("writer" if name == cluster.writer else "reader")
        assert connection.run(connection.version)[0][0]


def test_readers_replicate_and_refuse_writes(cluster, connect):
    connect("writer").run("CREATE TABLE replicated (n int)")
    reader = connect(cluster.readers[0])
    eventually(lambda: exists(reader, "replicated"))
    assert _refused(reader, "replicated")
    connect("writer").run("DROP TABLE replicated")


def test_the_application_is_no_superuser_and_needs_its_password(cluster, connect, failure):
    for forbidden in FORBIDDEN[cluster.engine]:
        with pytest.raises(Exception, match="denied"):
            connect().run(forbidden)
    error = failure(lambda: connect(password="wrong"))
    assert re.search("password authentication failed|Access denied", str(error))


def test_a_switchover_keeps_the_sessions_of_the_old_writer_and_refuses_their_writes(
    cluster, connect
):
    old = cluster.writer
    connections = [connect("writer") for _ in range(5)]
    connections[0].run("CREATE TABLE IF NOT EXISTS kept (n int)")
    switch = cluster.failover(Failover.SWITCHOVER)
    assert (switch.old_writer, switch.new_writer) == (old, cluster.writer)
    assert switch.began <= switch.published <= switch.refused
    assert cluster.sessions(old) == 5
    for connection in connections:
        assert (instance(connection), role(connection)) == (old, "reader")
        assert _refused(connection, "kept")
    assert _refused(connect(old), "kept")
    connect("writer").run("INSERT INTO kept VALUES (1)")
    assert cluster.condition(old) is Condition.DEMOTED
    assert old in cluster.readers


def test_in_a_switchover_the_topology_is_published_before_writes_are_refused(cluster, connect):
    old = cluster.writer
    connection = connect("writer")
    seen = []

    def published():
        connection.run("CREATE TABLE still_accepted (n int)")
        seen.extend(named_writer(connection))

    switch = cluster.failover(Failover.SWITCHOVER, on_published=published)
    assert seen == [switch.new_writer] != [old]


def test_a_crash_ends_every_connection_and_leaves_the_old_writer_dead(cluster, connect, failure):
    old = cluster.writer
    held = connect("writer")
    direct = connect(old)
    switch = cluster.failover(Failover.CRASH)
    assert switch.refused is None
    for connection in (held, direct):
        error = failure(lambda connection=connection: connection.run("SELECT 1"))
        assert not connection.farewell(error)
    assert cluster.condition(old) is Condition.DOWN
    assert cluster.sessions(old) == 0
    assert old not in cluster.readers
    failure(lambda: connect(old))
    assert instance(connect("writer")) == switch.new_writer


def test_a_crashed_instance_comes_back_as_a_reader(cluster, connect):
    old = cluster.writer
    cluster.failover(Failover.CRASH)
    cluster.recover(old)
    connection = connect(old)
    assert role(connection) == "reader"
    assert named_writer(connection) == [cluster.writer]
    assert cluster.condition(old) is Condition.READER


def test_a_hung_writer_keeps_its_sockets_and_answers_nothing(cluster, connect):
    old = cluster.writer
    idle = connect("writer")
    direct = connect(old)
    cluster.failover(Failover.HANG)
    assert cluster.sessions(old) == 2
    direct.send("SELECT 1")
    with socket.create_connection(cluster.address(old)) as fresh:  # the kernel still accepts
        fresh.settimeout(0.2)
        fresh.sendall(
            b"\0\0\0\x08\x04\xd2\x16\x2f"
        )  # PostgreSQL always answers, MySQL speaks first
        with pytest.raises(TimeoutError):
            fresh.recv(1)
    assert is_silent(direct)
    idle.close()
    direct.close()
    eventually(lambda: cluster.sessions(old) == 0)
    cluster.recover(old)
    assert cluster.condition(old) is Condition.READER


def test_the_other_readers_follow_the_new_writer(cluster, connect):
    for kind in Failover:
        cluster.heal()
        cluster.failover(kind)
        other = cluster.readers[-1]
        table = f"followed_{kind.value}"
        connect("writer").run(f"CREATE TABLE {table} (n int)")
        reader = connect(other)
        eventually(lambda reader=reader, table=table: exists(reader, table))


def test_a_demoted_instance_rejoins_as_a_real_replica(cluster, connect, failure):
    old = cluster.writer
    held = connect("writer")
    cluster.failover(Failover.SWITCHOVER)
    connect("writer").run("CREATE TABLE after_the_switch (n int)")
    cluster.rejoin(old)
    failure(lambda: held.run("SELECT 1"))
    replica = connect(old)
    eventually(lambda: exists(replica, "after_the_switch"))
    assert role(replica) == "reader"
    assert cluster.condition(old) is Condition.READER


def test_two_failovers_in_a_row_and_one_back(cluster, connect, failure):
    first = cluster.writer
    held = connect("writer")
    second = cluster.failover(Failover.SWITCHOVER, target=cluster.readers[-1]).new_writer
    third = next(name for name in cluster.readers if name != first)
    cluster.failover(Failover.SWITCHOVER, target=third)
    assert role(held) == "reader"
    assert {first, second} == set(cluster.readers)
    cluster.failover(Failover.SWITCHOVER, target=first)
    assert cluster.writer == first == instance(connect("writer"))
    failure(lambda: held.run("SELECT 1"))  # it rejoined, which took a restart


def test_a_failover_back_to_an_instance_that_was_demoted_in_place(cluster, connect):
    old = cluster.writer
    cluster.failover(Failover.SWITCHOVER)
    cluster.failover(Failover.SWITCHOVER, target=old)
    connection = connect("writer")
    assert (instance(connection), role(connection)) == (old, "writer")
    connection.run("CREATE TABLE back_again (n int)")


@pytest.mark.parametrize("kind", Failover)
def test_a_healed_cluster_has_two_real_readers(cluster, connect, kind):
    cluster.failover(kind)
    cluster.heal()
    assert len(cluster.readers) == 2
    table = f"healed_after_a_{kind.value}"
    connect("writer").run(f"CREATE TABLE {table} (n int)")
    for reader in map(connect, cluster.readers):
        eventually(lambda reader=reader: exists(reader, table))


def test_one_of_two_that_were_promoted_apart_follows_the_other(cluster):
    # Both of one that accepts writes, too: PostgreSQL then gives both timelines the same number.
    old, first, second = cluster.writer, *cluster.readers
    cluster.promote(first)
    cluster.promote(second)
    name = f"{'app.' if cluster.engine == 'mysql' else ''}written_at_the_first"
    cluster.execute(first, f"CREATE TABLE {name} (n int)")
    cluster.heal()
    assert set(cluster.readers) == {old, first}
    with pytest.raises(LabError):
        cluster.execute(first, f"SELECT * FROM {name}")
    assert cluster.failover(Failover.CRASH, target=first).new_writer == first
    cluster.heal()


def test_what_a_former_writer_alone_has_written_is_gone_once_it_follows(cluster, connect):
    old, new = cluster.writer, cluster.readers[0]
    connect("writer").run("CREATE TABLE written_apart (n int)")
    reader = connect(new)
    eventually(lambda: exists(reader, "written_apart"))
    cluster.promote(new)
    name = f"{'app.' if cluster.engine == 'mysql' else ''}written_apart"
    for number, each in enumerate((old, cluster.writer)):
        cluster.execute(each, f"INSERT INTO {name} VALUES ({number})")
    cluster.heal()
    eventually(lambda: cluster.execute(old, f"SELECT n FROM {name}") == [(1,)])
    cluster.execute(cluster.writer, f"DROP TABLE {name}")


@pytest.mark.parametrize("engine", ["postgresql"])
@pytest.mark.parametrize("kind", Failover)
def test_a_former_writer_comes_back_without_a_copy_of_the_data(cluster, kind):
    old = cluster.writer
    untouched = cluster.log(old).parent / old / "base" / "4" / "1255"  # functions of template0
    before = untouched.stat().st_mtime_ns
    cluster.failover(kind)
    cluster.heal()
    assert untouched.stat().st_mtime_ns == before


def test_a_writer_that_died_by_itself_is_replaced_when_the_cluster_is_healed(cluster):
    old = cluster.writer
    main_process(cluster, old).kill()
    eventually(lambda: cluster.condition(old) is Condition.DOWN)
    cluster.heal()
    assert cluster.writer != old
    assert cluster.condition(old) is Condition.READER


def test_what_cannot_be_done_is_a_clear_error(cluster):
    writer = cluster.writer
    with pytest.raises(LabError, match=f"target must be a live reader .*; got '{writer}'"):
        cluster.failover(Failover.SWITCHOVER, target=writer)
    with pytest.raises(LabError, match="neither down nor hung"):
        cluster.recover(writer)
    with pytest.raises(LabError, match="not demoted in place"):
        cluster.rejoin(writer)
    with pytest.raises(ValueError, match="'power cut' is not a valid Failover"):
        cluster.failover("power cut")
    with pytest.raises(ValueError, match=r"instance must be one of lab-1, lab-2, lab-3; got 'x'"):
        cluster.execute("x", "SELECT 1")
    with pytest.raises(ValueError, match="target must be one of writer, reader, custom, lab-1"):
        cluster.dsn("nobody")
    with pytest.raises(LabError, match="running already"):
        cluster.start()


def test_two_clusters_of_one_domain_do_not_meet(cluster, connect):
    with Cluster("other", engine=cluster.engine) as other:
        assert other.address("writer")[1] != cluster.address("writer")[1]
        before = cluster.writer
        switch = other.failover(Failover.CRASH)
        assert cluster.writer == before == instance(connect("writer"))
        assert instance(connect("writer", of=other)) == switch.new_writer == "other-2"
        other.stop()
        with pytest.raises(LabError, match="cluster other is not running"):
            other.dsn()
        other.start()  # again, from scratch
        assert other.writer == "other-1"


def test_execute_takes_parameters_and_returns_values(cluster):
    statement = "SELECT CAST(%s AS decimal) + 1.5, LOWER(%s), NULL"
    number, text, nothing = cluster.execute(cluster.writer, statement, 1, "%x'\\")[0]
    assert (float(number), text, nothing) == (2.5, "%x'\\", None)
    with pytest.raises(LabError, match="does_not_exist"):
        cluster.execute(cluster.writer, "SELECT * FROM does_not_exist")
    assert cluster.execute(cluster.writer, "SELECT 2; SELECT 1") == [(1,)]


def test_sessions_are_counted_by_application(cluster, connect):
    eventually(lambda: cluster.sessions(cluster.writer) == 0)
    connect("writer", application_name="mine")
    connect("writer")
    assert cluster.sessions(cluster.writer) == 2
    assert cluster.sessions(cluster.writer, application_name="mine") == 1


def test_a_writer_can_be_read_only_by_its_own_setting_and_says_that_it_is_no_reader(
    cluster, connect
):
    writer = cluster.writer
    held = connect(writer)
    held.run("CREATE TABLE IF NOT EXISTS forbidden (n int)")
    cluster.set_read_only(writer, on=True)
    for connection in (held, connect(writer)):
        assert (instance(connection), role(connection)) == (writer, "writer")
        assert _refused(connection, "forbidden")
    cluster.heal()
    for connection in (held, connect(writer)):
        connection.run("INSERT INTO forbidden VALUES (1)")
    held.run("DROP TABLE forbidden")


def test_an_old_writer_can_be_read_only_by_its_own_setting_alone(cluster, connect):
    old = cluster.failover(Failover.SWITCHOVER).old_writer
    held = connect(old)
    assert role(held) == "reader"
    cluster.set_read_only(old, on=True)
    assert (role(held), role(connect(old))) == ("writer", "writer")
    cluster.set_read_only(old, on=False)
    assert (role(held), role(connect(old))) == ("reader", "reader")
    cluster.heal()
    with pytest.raises(LabError, match="is a reader"):
        cluster.set_read_only(old, on=True)


@pytest.mark.parametrize("engine", ["postgresql"])
@pytest.mark.parametrize("kind", [Failover.CRASH, Failover.HANG])
def test_a_reader_keeps_its_sessions_where_the_next_writer_received_less_in_the_end(
    cluster, connect, kind, monkeypatch
):
    connect("writer").run("CREATE TABLE IF NOT EXISTS last_writes (n int)")
    new, other = cluster.readers
    held = connect(other)
    before = held.run("SELECT pg_backend_pid()")
    old = cluster._running.servers.server(cluster.writer)
    (receiver,) = (
        process
        for process in main_process(cluster, new).children()
        if "walreceiver" in " ".join(process.cmdline())
    )

    def after_the_last_writes(end):
        receiver.suspend()
        old.execute("SELECT pg_switch_wal()")
        old.execute("INSERT INTO last_writes VALUES (1)")
        time.sleep(0.3)  # for those that do receive them
        end()
        # It must not find them in its socket when it goes on.
        receiver.terminate()
        receiver.resume()

    for name in ("kill", "freeze"):
        end = functools.partial(after_the_last_writes, getattr(old, name))
        monkeypatch.setattr(old, name, end)
    cluster.failover(kind)
    assert held.run("SELECT pg_backend_pid()") == before


@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_reader_keeps_its_sessions_where_the_old_writer_had_flushed_half_a_record(
    cluster, connect
):
    held = connect(cluster.readers[-1])
    before = held.run("SELECT pg_backend_pid()")
    writing = connect("writer")
    segment = "SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size'"
    ((size,),) = writing.run(segment)
    written = "SELECT pg_current_wal_insert_lsn() - '0/0'"
    # Into the next segment, whose first page is not full: what is flushed ends before it.
    record = f"SELECT pg_logical_emit_message(false, '', repeat('x', ({size} - l % {size})::int))"
    writing.run(f"{record} FROM ({written}) AS at (l)")
    flushed = f"SELECT (pg_current_wal_flush_lsn() - '0/0') % {size}"
    eventually(lambda: cluster.execute(cluster.writer, flushed) == [(0,)])
    cluster.failover(Failover.HANG)
    assert held.run("SELECT pg_backend_pid()") == before
