"""What the doctor reports of the RDS API: a real client, and moto's server."""

from __future__ import annotations

import os

import boto3
import pytest

from aurora_otel.lab import Cluster
from tests.rds_api.conftest import aws, muted, plane, servers  # noqa: F401 - fixtures
from tests.support.iam_gateway import Gateways
from tests.support.rds_api import REGION

DENIED = {"rds:DescribeDBClusters", "rds:DescribeDBInstances", "rds:DescribeDBClusterEndpoints"}


@pytest.fixture
def examine(doctor, cluster: Cluster, plane):  # noqa: F811 - the fixture
    """Examines the writer endpoint, by a login or without one."""

    def examine(*arguments, **environment):
        arguments = arguments or ("--dsn", cluster.dsn("writer", connect_timeout=5))
        configured = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        given = {**configured, **cluster.environment(), "AURORA_OTEL_RDS_API": "auto"}
        return doctor.examine(*arguments, **{**given, **environment})

    return examine


def test_a_cluster_that_the_api_knows_has_nothing_to_complain_of(examine, cluster):
    found = examine()
    assert found.worse() == set()
    (api,) = found.of("rds_api")
    assert all(instance in api["what"] for instance in cluster.instances)
    assert cluster.writer in found.of("rds_api.writer")[0]["what"]
    assert "secret-of-tests" not in found.output


def test_without_a_login_the_api_names_the_cluster(examine, cluster):
    found = examine("--host", f"{cluster.host('writer')}:{cluster.address('writer')[1]}")
    # The lab's names do not resolve.
    assert found.worse() == {"endpoint.name"}
    assert cluster.writer in found.of("rds_api.writer")[0]["what"]


def test_a_missing_iam_action_is_named(examine, plane):  # noqa: F811 - the fixture
    plane.does.allowed = DENIED
    found = examine()
    (events,) = found.of("rds_api.action", "warning")
    assert events["remedy"] == "Allow rds:DescribeEvents in the role's IAM policy."
    plane.does.allowed = set()
    assert "rds:DescribeDBClusters is not allowed" in examine().of("rds_api", "ok")[0]["what"]
    (wanted,) = examine(AURORA_OTEL_RDS_API="on").of("rds_api", "failure")
    assert "rds:DescribeDBClusters" in wanted["remedy"]


def test_neither_sql_nor_api_is_a_warning(examine, muted):  # noqa: F811 - the fixture
    found = examine(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert found.worse() == {"instance.privileges", "rds_api"}
    assert "credentials" in found.of("rds_api")[0]["what"]


def test_the_api_locates_instances_whose_endpoint_does_not(examine, cluster):
    dsn = cluster.dsn("writer", host="127.0.0.8", connect_timeout=5)
    found = examine("--dsn", dsn, AURORA_OTEL_INSTANCE_ENDPOINTS="")
    assert found.of("topology.addresses") == []
    # The lab's names do not resolve.
    tried = {each["what"] for each in found.of("topology.instance", "failure")}
    assert any(cluster.host(cluster.readers[0]) in what for what in tried)


def test_an_api_that_lags_behind_the_instances_is_reported(examine, cluster, plane):  # noqa: F811 - the fixture
    plane.fail_over(cluster, cluster.readers[0])
    found = examine()
    assert found.worse() == {"rds_api.writer"}
    assert found.status == 0


def test_an_iam_token_opens_one_endpoint_and_the_agent_signs_for_the_others(
    examine, cluster, monkeypatch
):
    with Gateways(cluster, "secret-of-tests") as gateways:
        place = (cluster.host("writer"), cluster.address("writer")[1])
        token = boto3.client("rds", region_name=REGION).generate_db_auth_token(*place, cluster.user)
        arguments = ("--dsn", f"{gateways.dsn(token)} connect_timeout=5")
        reached = {
            "AURORA_OTEL_INSTANCE_ENDPOINTS": gateways.instance_endpoints(),
            "AURORA_OTEL_REFRESH_TIMEOUT": "5",
        }
        found = examine(*arguments, **reached)
        assert found.worse() == set()
        assert "signs its own" in found.of("topology.token", "ok")[0]["what"]
        assert "X-Amz-Signature" not in found.output

        found = examine(*arguments, **reached, AURORA_OTEL_RDS_API="off")
        assert {"topology.token", "topology.instance"} <= found.worse()
        (refused, *_) = found.of("topology.instance", "failure")
        assert "refuses the login" in refused["what"]
