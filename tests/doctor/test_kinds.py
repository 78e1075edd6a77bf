"""The doctor says which kind of cluster it sees, and what that needs."""

from __future__ import annotations

import pytest

from aurora_otel.lab import Cluster


@pytest.fixture(scope="module")
def plain():
    with Cluster("kinds", kind="plain", instances=["kinds-1", "kinds-2"]) as cluster:
        yield cluster


def test_a_postgresql_with_standbys_needs_no_privilege_and_has_its_members_named(doctor, plain):
    dsn = plain.dsn("writer", host="db.example.com")
    found = doctor.examine("--dsn", dsn, **plain.environment())
    (instance,) = found.of("instance", "ok")
    assert "kind of cluster: plain" in instance["what"]
    assert "needs no privilege" in found.of("instance.privileges", "ok")[0]["what"]
    assert ":".join(map(str, plain.address("kinds-2"))) in found.of("topology", "ok")[0]["what"]
    (refresh,) = found.of("topology.refresh", "ok")
    assert ":".join(map(str, plain.address(plain.writer))) in refresh["what"]
    (alone,) = doctor.examine("--dsn", dsn).of("topology", "warning")
    assert "AURORA_OTEL_MEMBERS" in alone["remedy"]


def test_one_server_at_a_time_behind_a_name_is_called_that(doctor):
    with Cluster("kinds", kind="single", instances=["kinds-1", "kinds-2"]) as cluster:
        found = doctor.examine("--dsn", cluster.dsn("writer"))
        where = ":".join(map(str, cluster.plain_address("kinds-1")))
        assert "kind of cluster: single" in found.of("instance", "ok")[0]["what"]
        assert "needs no privilege" in found.of("instance.privileges", "ok")[0]["what"]
        assert "one server at a time" in found.of("instance.name", "ok")[0]["what"]
        assert where in found.of("topology.instance", "ok")[0]["what"]
        assert where in found.of("topology.refresh", "ok")[0]["what"]
        assert not [each for each in found.findings if each["check"].startswith("instance.private")]


def test_an_rds_multi_az_db_cluster_is_called_that(doctor):
    with Cluster("kinds", kind="multi-az", instances=["kinds-1", "kinds-2"]) as cluster:
        found = doctor.examine("--dsn", cluster.dsn("writer"), **cluster.environment())
        assert "kind of cluster: multi-az" in found.of("instance", "ok")[0]["what"]
        assert found.of("topology.refresh", "ok")
