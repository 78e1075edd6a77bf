import psycopg
import pytest

from aurora_otel.lab import Failover, Member


def _rows(connection):
    return connection.execute(
        "SELECT server_id, session_id, extract(epoch FROM now() - last_update_timestamp)::float,"
        " replica_lag_in_msec FROM aurora_replica_status() ORDER BY server_id"
    ).fetchall()


def test_the_view_names_the_writer_and_the_readers(cluster, connect):
    rows = _rows(connect("writer"))
    assert [row[0] for row in rows] == sorted(cluster.instances)
    assert {row[0] for row in rows if row[1] == "MASTER_SESSION_ID"} == {cluster.writer}
    # Since Aurora PostgreSQL 13.9 the instance that is asked shows no time stamp in its own row.
    assert {row[0] for row in rows if row[2] is None} == {cluster.writer}


def test_every_view_changes_with_the_published_topology(cluster, connect, named_writer):
    switch = cluster.failover(Failover.SWITCHOVER)
    for name in cluster.instances:
        assert named_writer(connect(name)) == [switch.new_writer]


def test_an_unpublished_failover_shows_nowhere(cluster, connect, named_writer, instance):
    old = cluster.writer
    switch = cluster.failover(Failover.SWITCHOVER, publish=False)
    assert switch.published is None
    assert cluster.writer == switch.new_writer != old
    for name in cluster.instances:
        assert named_writer(connect(name)) == [old]
    assert instance(connect("writer")) == old
    cluster.rejoin(old)  # gives nothing away either
    assert named_writer(connect(switch.new_writer)) == [old]
    cluster.publish()
    for name in cluster.instances:
        assert named_writer(connect(name)) == [switch.new_writer]
    assert instance(connect("writer")) == switch.new_writer


def test_a_frozen_view_lags_with_fresh_time_stamps(cluster, connect, named_writer):
    old, lagging = cluster.writer, cluster.readers[-1]
    cluster.freeze_view(lagging)
    cluster.failover(Failover.CRASH, target=cluster.readers[0])
    assert named_writer(connect(lagging)) == [old]
    ages = [age for *_, age, _ in _rows(connect(lagging)) if age is not None]
    assert max(ages) < 1
    cluster.heal()
    assert named_writer(connect(lagging)) == [cluster.writer]


def test_a_view_can_say_anything(cluster, connect, named_writer):
    target = cluster.readers[0]
    connection = connect(target)
    nonsense = [
        Member("a", "MASTER_SESSION_ID", age=400.0),
        Member("b", "MASTER_SESSION_ID", age=None, lag_ms=3.5),
        Member(None, None, age=-5.0),
    ]
    cluster.set_view(target, nonsense)
    rows = _rows(connection)
    assert [row[:2] for row in rows] == [
        ("a", "MASTER_SESSION_ID"),
        ("b", "MASTER_SESSION_ID"),
        (None, None),
    ]
    assert rows[0][2] == pytest.approx(400, abs=1)
    assert rows[1][2:] == (None, 3.5)
    cluster.set_view(target, [])
    cluster.publish()  # changes nothing here
    assert _rows(connection) == []
    cluster.set_view(target, None)
    assert named_writer(connection) == [cluster.writer]


def test_the_functions_can_be_revoked(cluster, connect):
    writer = cluster.writer
    cluster.execute(writer, "REVOKE EXECUTE ON FUNCTION aurora_replica_status() FROM public")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _rows(connect("writer"))
    finally:
        cluster.execute(writer, "GRANT EXECUTE ON FUNCTION aurora_replica_status() TO public")


def test_the_endpoints_lead_where_they_say(cluster, connect, instance):
    assert {instance(connect("writer")) for _ in range(4)} == {cluster.writer}
    assert {instance(connect("reader")) for _ in range(4)} == set(cluster.readers)
    assert {instance(connect("custom")) for _ in range(4)} == set(cluster.instances[-2:])
    cluster.custom = [cluster.writer]
    assert {instance(connect("custom")) for _ in range(4)} == {cluster.writer}


def test_names_lag_behind_the_topology(cluster, connect, instance, named_writer, eventually):
    old = cluster.writer
    cluster.dns_lag = 3600
    switch = cluster.failover(Failover.SWITCHOVER)
    stale = connect("writer")
    assert instance(stale) == old
    assert named_writer(stale) == [switch.new_writer]
    cluster.dns_lag = 0.3
    eventually(lambda: instance(connect("writer")) == switch.new_writer)
    assert instance(stale) == old  # a link stays where it landed
    cluster.heal()
    assert cluster.dns_lag == 0


def test_the_connection_string_plays_aurora_names(cluster, connect):
    domain = cluster.domain
    assert cluster.host("writer") == f"lab.cluster-{domain}"
    assert cluster.host("reader") == f"lab.cluster-ro-{domain}"
    assert cluster.host("custom") == f"lab-custom.cluster-custom-{domain}"
    assert cluster.host("lab-2") == f"lab-2.{domain}"
    info = connect("writer").info
    assert (info.host, info.hostaddr, info.port) == (
        f"lab.cluster-{domain}",
        *cluster.address("writer"),
    )
    assert connect("writer", host="db.example.com").info.host == "db.example.com"
    address, port = cluster.address("lab-1")
    plain = connect("lab-1", host=address, application_name="it's mine").info
    assert plain.get_parameters()["application_name"] == "it's mine"
    assert "hostaddr" not in cluster.dsn("lab-1", host=address)
    assert cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"].startswith(
        f"lab-1={address}:{port},lab-2="
    )
