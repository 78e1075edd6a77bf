from urllib.parse import urlsplit

import pytest

from aurora_otel.lab import Failover, Member
from tests.lab.sessions import instance, named_writer, view
from tests.support.waiting import eventually


def test_the_view_names_the_writer_and_the_readers(cluster, connect):
    rows = view(connect("writer"))
    assert [row[0] for row in rows] == sorted(cluster.instances)
    assert {row[0] for row in rows if row[1] == "MASTER_SESSION_ID"} == {cluster.writer}
    # Since Aurora PostgreSQL 13.9 the instance that is asked shows no time stamp in its own row.
    assert {row[0] for row in rows if row[2] is None} == {cluster.writer}


def test_every_view_changes_with_the_published_topology(cluster, connect):
    switch = cluster.failover(Failover.SWITCHOVER)
    for name in cluster.instances:
        assert named_writer(connect(name)) == [switch.new_writer]


def test_an_unpublished_failover_shows_nowhere(cluster, connect):
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


def test_a_frozen_view_lags_with_fresh_time_stamps(cluster, connect):
    old, lagging = cluster.writer, cluster.readers[-1]
    cluster.freeze_view(lagging)
    cluster.failover(Failover.CRASH, target=cluster.readers[0])
    assert named_writer(connect(lagging)) == [old]
    ages = [age for *_, age, _ in view(connect(lagging)) if age is not None]
    assert max(ages) < 1
    cluster.heal()
    assert named_writer(connect(lagging)) == [cluster.writer]


def test_a_view_can_say_anything(cluster, connect):
    target = cluster.readers[0]
    connection = connect(target)
    nonsense = [
        Member("a", "MASTER_SESSION_ID", age=400.0),
        Member("b", "MASTER_SESSION_ID", age=None, lag_ms=3.5),
        Member(None, None, age=-5.0),
    ]
    cluster.set_view(target, nonsense)
    rows = view(connection)
    assert [row[:2] for row in rows] == [
        ("a", "MASTER_SESSION_ID"),
        ("b", "MASTER_SESSION_ID"),
        (None, None),
    ]
    assert rows[0][2] == pytest.approx(400, abs=1)
    assert rows[1][2:] == (None, 3.5)
    cluster.set_view(target, [])
    cluster.publish()  # changes nothing here
    assert view(connection) == []
    cluster.set_view(target, None)
    assert named_writer(connection) == [cluster.writer]


REVOKED = {
    "postgresql": (
        "REVOKE EXECUTE ON FUNCTION aurora_replica_status() FROM public",
        "GRANT EXECUTE ON FUNCTION aurora_replica_status() TO public",
    ),
    "mysql": (
        "REVOKE SELECT ON aurora.* FROM PUBLIC",
        "GRANT SELECT ON aurora.* TO PUBLIC",
    ),
}


def test_the_view_can_be_forbidden(cluster, connect):
    revoke, grant = REVOKED[cluster.engine]
    cluster.execute(cluster.writer, revoke)
    try:
        connection = connect("writer")
        with pytest.raises(Exception, match="denied"):
            view(connection)
    finally:
        cluster.execute(cluster.writer, grant)


def test_the_endpoints_lead_where_they_say(cluster, connect):
    assert {instance(connect("writer")) for _ in range(4)} == {cluster.writer}
    assert {instance(connect("reader")) for _ in range(4)} == set(cluster.readers)
    assert {instance(connect("custom")) for _ in range(4)} == set(cluster.instances[-2:])
    cluster.custom = [cluster.writer]
    assert {instance(connect("custom")) for _ in range(4)} == {cluster.writer}


def test_names_lag_behind_the_topology(cluster, connect):
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


def test_endpoints_and_instances_have_aurora_names(cluster):
    domain = cluster.domain
    assert cluster.hosts == {
        f"lab.cluster-{domain}": "127.0.0.8",
        f"lab.cluster-ro-{domain}": "127.0.0.9",
        f"lab-custom.cluster-custom-{domain}": "127.0.0.10",
        f"lab-1.{domain}": "127.0.0.11",
        f"lab-2.{domain}": "127.0.0.12",
        f"lab-3.{domain}": "127.0.0.13",
    }
    assert {cluster.hosts[cluster.host(place)] for place in ("writer", "lab-2")} == {
        cluster.address("writer")[0],
        cluster.address("lab-2")[0],
    }
    assert cluster.parameters("reader")["host"] == f"lab.cluster-ro-{domain}"
    assert cluster.parameters("reader", host="db.example.com")["host"] == "db.example.com"
    address, port = cluster.address("lab-1")
    assert cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"].startswith(
        f"lab-1.{domain}={address}:{port},lab-2.{domain}="
    )


@pytest.mark.parametrize("engine", ["postgresql"])
def test_libpq_takes_the_name_and_the_address(cluster, connect):
    info = connect("writer").connection.info
    assert (info.host, info.hostaddr, info.port) == (
        cluster.host("writer"),
        *cluster.address("writer"),
    )
    named = connect("writer", host="db.example.com").connection
    assert named.info.host == "db.example.com"
    address, _ = cluster.address("lab-1")
    plain = connect("lab-1", host=address, application_name="it's mine").connection.info
    assert plain.get_parameters()["application_name"] == "it's mine"
    assert "hostaddr" not in cluster.dsn("lab-1", host=address)


@pytest.mark.parametrize("engine", ["mysql"])
def test_a_mysql_url_names_login_and_place(cluster):
    url = urlsplit(cluster.dsn("lab-2", charset="utf8mb4"))
    login = cluster.parameters("lab-2")
    assert (url.scheme, url.query) == ("mysql", "charset=utf8mb4")
    assert (url.username, url.password) == (login["user"], login["password"])
    assert (url.hostname, url.port, url.path[1:]) == (
        login["host"],
        login["port"],
        login["database"],
    )
