import socket

import psycopg
import pytest

from aurora_otel.lab import Cluster, Condition, Failover, LabError


def test_every_instance_tells_who_it_is_and_what_it_is(cluster, connect, instance, role):
    for name in cluster.instances:
        connection = connect(name)
        assert instance(connection) == name
        assert role(connection) == ("writer" if name == cluster.writer else "reader")
        assert connection.execute("SELECT aurora_version()").fetchone()[0]


def test_readers_replicate_and_refuse_writes(cluster, connect, eventually):
    connect("writer").execute("CREATE TABLE replicated (n int)")
    reader = connect(cluster.readers[0])
    eventually(lambda: reader.execute("SELECT to_regclass('replicated')").fetchone()[0])
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.execute("INSERT INTO replicated VALUES (1)")
    connect("writer").execute("DROP TABLE replicated")


def test_the_application_is_no_superuser_and_needs_its_password(cluster, connect):
    (superuser,) = connect().execute("SELECT current_setting('is_superuser')").fetchone()
    assert superuser == "off"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(password="wrong")


def test_a_switchover_keeps_the_sessions_of_the_old_writer_and_refuses_their_writes(
    cluster, connect, role, instance
):
    old = cluster.writer
    connections = [connect("writer") for _ in range(5)]
    connections[0].execute("CREATE TABLE IF NOT EXISTS kept (n int)")
    switch = cluster.failover(Failover.SWITCHOVER)
    assert (switch.old_writer, switch.new_writer) == (old, cluster.writer)
    assert switch.began <= switch.published <= switch.refused
    assert cluster.sessions(old) == 5
    for connection in connections:
        assert (instance(connection), role(connection)) == (old, "reader")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as error:
            connection.execute("INSERT INTO kept VALUES (1)")
        assert error.value.sqlstate == "25006"
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connect(old).execute("INSERT INTO kept VALUES (1)")
    connect("writer").execute("INSERT INTO kept VALUES (1)")
    assert cluster.condition(old) is Condition.DEMOTED
    assert old in cluster.readers


def test_in_a_switchover_the_topology_is_published_before_writes_are_refused(
    cluster, connect, named_writer
):
    old = cluster.writer
    connection = connect("writer")
    seen = []

    def published():
        connection.execute("CREATE TABLE still_accepted (n int)")
        seen.extend(named_writer(connection))

    switch = cluster.failover(Failover.SWITCHOVER, on_published=published)
    assert seen == [switch.new_writer] != [old]


def test_a_crash_ends_every_connection_and_leaves_the_old_writer_dead(cluster, connect, instance):
    old = cluster.writer
    held = connect("writer")
    direct = connect(old)
    switch = cluster.failover(Failover.CRASH)
    assert switch.refused is None
    for connection in (held, direct):
        with pytest.raises(psycopg.OperationalError) as error:
            connection.execute("SELECT 1")
        assert error.value.sqlstate is None  # no farewell
    assert cluster.condition(old) is Condition.DOWN
    assert cluster.sessions(old) == 0
    assert old not in cluster.readers
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(old)
    assert instance(connect("writer")) == switch.new_writer


def test_a_crashed_instance_comes_back_as_a_reader(cluster, connect, role, named_writer):
    old = cluster.writer
    cluster.failover(Failover.CRASH)
    cluster.recover(old)
    connection = connect(old)
    assert role(connection) == "reader"
    assert named_writer(connection) == [cluster.writer]
    assert cluster.condition(old) is Condition.READER


def test_a_hung_writer_keeps_its_sockets_and_answers_nothing(cluster, connect, eventually):
    old = cluster.writer
    idle = connect("writer")
    direct = connect(old)
    cluster.failover(Failover.HANG)
    assert cluster.sessions(old) == 2
    direct.pgconn.send_query(b"SELECT 1")
    with socket.create_connection(cluster.address(old)) as fresh:  # the kernel still accepts
        fresh.settimeout(0.2)
        fresh.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")  # an SSLRequest, which is always answered
        with pytest.raises(TimeoutError):
            fresh.recv(1)
    direct.pgconn.consume_input()
    assert direct.pgconn.is_busy()
    idle.close()
    direct.close()
    eventually(lambda: cluster.sessions(old) == 0)
    cluster.recover(old)
    assert cluster.condition(old) is Condition.READER


def test_the_other_readers_follow_the_new_writer(cluster, connect, eventually):
    for kind in Failover:
        cluster.heal()
        cluster.failover(kind)
        other = cluster.readers[-1]
        table = f"followed_{kind.value}"
        connect("writer").execute(f"CREATE TABLE {table} (n int)")
        reader = connect(other)
        eventually(lambda reader=reader, table=table: _exists(reader, table))


def _exists(connection, table):
    return connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()[0]


def test_a_demoted_instance_rejoins_as_a_real_replica(cluster, connect, eventually, role):
    old = cluster.writer
    held = connect("writer")
    cluster.failover(Failover.SWITCHOVER)
    connect("writer").execute("CREATE TABLE after_the_switch (n int)")
    cluster.rejoin(old)
    with pytest.raises(psycopg.OperationalError):
        held.execute("SELECT 1")
    replica = connect(old)
    eventually(lambda: _exists(replica, "after_the_switch"))
    assert role(replica) == "reader"
    assert cluster.condition(old) is Condition.READER


def test_two_failovers_in_a_row_and_one_back(cluster, connect, instance, role):
    first = cluster.writer
    held = connect("writer")
    second = cluster.failover(Failover.SWITCHOVER, target=cluster.readers[-1]).new_writer
    third = next(name for name in cluster.readers if name != first)
    cluster.failover(Failover.SWITCHOVER, target=third)
    assert role(held) == "reader"
    assert {first, second} == set(cluster.readers)
    cluster.failover(Failover.SWITCHOVER, target=first)
    assert cluster.writer == first == instance(connect("writer"))
    with pytest.raises(psycopg.OperationalError):  # it rejoined, which took a restart
        held.execute("SELECT 1")


def test_a_failover_back_to_an_instance_that_was_demoted_in_place(cluster, connect, instance, role):
    old = cluster.writer
    cluster.failover(Failover.SWITCHOVER)
    cluster.failover(Failover.SWITCHOVER, target=old)
    connection = connect("writer")
    assert (instance(connection), role(connection)) == (old, "writer")
    connection.execute("CREATE TABLE back_again (n int)")


@pytest.mark.parametrize("kind", Failover)
def test_a_healed_cluster_has_two_real_readers(cluster, connect, kind):
    cluster.failover(kind)
    cluster.heal()
    rows = cluster.execute(
        cluster.writer, "SELECT application_name, state FROM pg_stat_replication"
    )
    assert sorted(rows) == sorted((name, "streaming") for name in cluster.readers)
    assert len(cluster.readers) == 2


def test_a_writer_that_died_by_itself_is_replaced_when_the_cluster_is_healed(cluster):
    old = cluster.writer
    cluster._running.server(old).kill()
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


def test_two_clusters_of_one_domain_do_not_meet(cluster, connect, instance):
    with Cluster("other") as other:
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
    rows = cluster.execute(cluster.writer, "SELECT %s::int + 1, %s::text, true", 1, "%x")
    assert rows == [(2, "%x", True)]
    with pytest.raises(LabError, match="does_not_exist"):
        cluster.execute(cluster.writer, "SELECT * FROM does_not_exist")
    assert cluster.execute(cluster.writer, "DO $$ BEGIN END $$; SELECT 1") == [(1,)]


def test_sessions_are_counted_by_application(cluster, connect):
    connect("writer", application_name="mine")
    connect("writer")
    assert cluster.sessions(cluster.writer) == 2
    assert cluster.sessions(cluster.writer, application_name="mine") == 1
