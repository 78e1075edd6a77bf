"""A hostile RDS API's answer yields no instance's name, no endpoint and no second line."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from aurora_otel.discovery.rds import clusters as rds_clusters
from aurora_otel.discovery.rds.answers import ApiError
from aurora_otel.discovery.rds.api import RdsApi
from tests.support.rds_api import REGION, Endpoint


@pytest.fixture
def api(plane):
    return RdsApi(REGION)


@pytest.fixture
def tamper(plane, monkeypatch):
    """Returns a function that changes the API's answers."""
    forward = plane._forward

    def tamper(before, after):
        def tampered(headers, body):
            status, answer = forward(headers, body)
            return status, answer.replace(before.encode(), after.encode())

        monkeypatch.setattr(plane, "_forward", tampered)

    return tamper


@pytest.mark.parametrize("name", ["evil.example.com/", "x'; DROP TABLE writes", "a b", "x" * 64])
def test_what_is_no_identifier_names_no_instance(api, tamper, cluster, name):
    tamper(f"<DBInstanceIdentifier>{cluster.writer}<", f"<DBInstanceIdentifier>{name}<")
    found = api.cluster(cluster.name)
    assert found.writer is None
    assert found.members == tuple(each for each in cluster.instances if each != cluster.writer)


def test_another_cluster_than_was_asked_for_is_no_answer(api, tamper, cluster):
    tamper(
        f"<DBClusterIdentifier>{cluster.name}<", "<DBClusterIdentifier>payments\x26#10;2026 ERROR<"
    )
    with pytest.raises(ApiError):
        api.cluster(cluster.name)


def test_an_endpoint_of_another_cluster_is_not_mistaken_for_the_cluster_s(
    api, plane, tamper, cluster
):
    others = f"payments.cluster-{cluster.domain}"
    tamper(f"<Endpoint>{cluster.host('writer')}<", f"<Endpoint>{others}<")
    assert rds_clusters.describe(api, cluster.name, cluster.domain).endpoint == ""
    plane.does.endpoints = [Endpoint("some", others), Endpoint("more", "evil.example.com")]
    assert api.custom_endpoints(api.cluster(cluster.name)) == ()


def test_an_event_is_one_line(api, plane, cluster):
    now = datetime.now(timezone.utc)
    plane.does.events = [(now, "Completed failover\n2026 ERROR forged" + "x" * 5000)]
    (event,) = api.failover_events(cluster.name, now.replace(year=2020))
    assert event.message.startswith("Completed failover 2026 ERROR forged")
    assert len(event.message) == 512
