"""The client itself: what it reads of the RDS API, and what it makes of its troubles."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta, timezone

import pytest

from aurora_otel.discovery.rds import api as rds_api
from aurora_otel.discovery.rds import clusters as rds_clusters
from aurora_otel.discovery.rds.answers import ApiError, Trouble
from aurora_otel.discovery.rds.api import Apis, RdsApi
from aurora_otel.model.endpoints import parse
from aurora_otel.model.topology import EventKind
from tests.support.rds_api import REGION, Endpoint


@pytest.fixture
def api(plane):
    return RdsApi(REGION)


def trouble(action):
    with pytest.raises(ApiError) as caught:
        action()
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    assert "secret" not in str(error)  # neither a key nor a role
    return error.trouble


def test_a_cluster_is_described(api, cluster, plane):
    found = api.cluster("lab")
    assert (found.identifier, found.region, found.status) == ("lab", REGION, "available")
    assert (found.engine, found.endpoint) == ("aurora-postgresql", cluster.host("writer"))
    assert (found.reader_endpoint, found.port) == (
        cluster.host("reader"),
        cluster.address("writer")[1],
    )
    assert found.engine_version
    assert (found.writer, found.members) == (cluster.writer, cluster.instances)
    plane.fail_over(cluster, cluster.readers[0])
    assert api.cluster("lab").writer == cluster.readers[0]


@pytest.mark.parametrize("target", ["writer", "reader", "custom", "instance"])
def test_every_endpoint_leads_to_its_cluster(api, cluster, plane, target):
    plane.does.endpoints = [Endpoint("lab-custom", cluster.host("custom"))]
    host = cluster.host(cluster.writer if target == "instance" else target)
    found, identifier = rds_clusters.find(Apis(), parse(host, 5432), None, ())
    assert (found.region, identifier) == (REGION, "lab")


def test_a_private_name_leads_to_its_cluster_by_the_end_of_its_cnames(plane, cluster, monkeypatch):
    monkeypatch.delenv("AWS_REGION")
    end = cluster.host(cluster.readers[0])

    resolved = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        if host != "db.example.com":
            return resolved(host, port, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, end, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    endpoint = parse("db.example.com", 5432)
    found, identifier = rds_clusters.find(Apis(), endpoint, None, ())
    assert (found.region, identifier) == (REGION, "lab")


def test_a_name_that_says_nothing_leads_to_its_cluster_by_an_instance(plane, cluster):
    endpoint = parse("127.0.0.1", 5432)
    found, identifier = rds_clusters.find(Apis(), endpoint, None, [cluster.readers[0]])
    assert (found.region, identifier) == (REGION, "lab")
    nothing = trouble(lambda: rds_clusters.find(Apis(), endpoint, None, []))
    assert nothing is Trouble.NOT_FOUND


def test_another_accounts_cluster_of_the_same_name_is_not_mistaken_for_this_one(api, plane):
    assert rds_clusters.describe(api, "lab", None).identifier == "lab"
    other = "other4567890.eu-west-1.rds.amazonaws.com"
    assert trouble(lambda: rds_clusters.describe(api, "lab", other)) is Trouble.NOT_FOUND


def test_the_members_of_custom_endpoints_are_read_page_by_page(api, plane, cluster):
    first, *others = cluster.instances
    plane.does.page = 1
    plane.does.endpoints = [
        Endpoint("some", f"some.cluster-custom-{cluster.domain}", members=others),
        Endpoint("others", f"others.cluster-custom-{cluster.domain}", excluded=others),
        Endpoint("all", f"all.cluster-custom-{cluster.domain}"),
    ]
    found = {each.host: each.members for each in api.custom_endpoints(api.cluster("lab"))}
    assert found == {
        f"some.cluster-custom-{cluster.domain}": tuple(others),
        f"others.cluster-custom-{cluster.domain}": (first,),
        f"all.cluster-custom-{cluster.domain}": cluster.instances,
    }
    assert plane.calls["DescribeDBClusterEndpoints"] == 3


def test_events_are_read_page_by_page_and_understood(api, plane):
    now = datetime.now(timezone.utc)
    messages = {
        "Started cross AZ failover to DB instance: lab-2": EventKind.STARTED,
        "Started same AZ failover to DB instance: lab-2": EventKind.STARTED,
        "Completed failover to DB instance: lab-2": EventKind.COMPLETED,
        "Cluster failover failed, check the status of your cluster instances and try again.": (
            EventKind.FAILED
        ),
        "Promoting previous primary again: lab-1": EventKind.REVERTED,
        "Something that happens <next> year": EventKind.OTHER,
    }
    plane.does.page = 2
    plane.does.events = [
        (now - timedelta(hours=2), "Started same AZ failover to DB instance: before"),
        *((now + timedelta(seconds=n), message) for n, message in enumerate(messages)),
    ]
    found = api.failover_events("lab", now - timedelta(minutes=1))
    assert [(event.message, event.kind) for event in found] == list(messages.items())
    assert [event.is_last for event in found] == [False, False, True, True, True, False]
    assert plane.calls["DescribeEvents"] == 3


def test_an_action_that_is_not_allowed_is_named(api, plane):
    plane.does.allowed = {"rds:DescribeDBClusters"}
    with pytest.raises(ApiError) as caught:
        api.cluster_of_instance("lab-1")
    assert (caught.value.trouble, caught.value.action) == (
        Trouble.DENIED,
        "rds:DescribeDBInstances",
    )
    assert "role" not in str(caught.value)


def test_a_throttled_call_is_repeated_once_at_most(api, plane):
    plane.does.throttled = True
    assert trouble(lambda: api.cluster("lab")) is Trouble.THROTTLED
    assert plane.calls["DescribeDBClusters"] == rds_api.ATTEMPTS


def test_a_silent_api_is_given_up(plane):
    plane.does.silent = True
    impatient = RdsApi(REGION, read_timeout=0.2)
    assert trouble(lambda: impatient.cluster("lab")) is Trouble.UNREACHABLE
    assert plane.calls["DescribeDBClusters"] <= rds_api.ATTEMPTS


def test_a_closed_port_is_reported(plane, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", f"http://127.0.0.1:{port}")
    assert trouble(lambda: RdsApi(REGION).cluster("lab")) is Trouble.UNREACHABLE


def test_what_is_not_there_is_reported(api):
    assert trouble(lambda: api.cluster("nothing")) is Trouble.NOT_FOUND
    assert trouble(lambda: api.cluster_of_instance("nothing")) is Trouble.NOT_FOUND
    assert trouble(lambda: api.cluster_of_custom_endpoint("nothing")) is Trouble.NOT_FOUND


def test_a_wrong_region_knows_no_such_cluster(plane):
    assert trouble(lambda: RdsApi("us-east-1").cluster("lab")) is Trouble.NOT_FOUND


def test_an_instance_that_is_no_aurora_has_no_cluster(api, plane):
    plane.client().create_db_instance(
        DBInstanceIdentifier="single", DBInstanceClass="db.t3.micro", Engine="postgres"
    )
    assert trouble(lambda: api.cluster_of_instance("single")) is Trouble.NOT_FOUND


def test_without_a_region_or_credentials_the_api_is_not_asked(plane, monkeypatch):
    monkeypatch.delenv("AWS_REGION")
    assert trouble(lambda: RdsApi().cluster("lab")) is Trouble.NO_REGION
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    assert RdsApi().region == REGION
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert trouble(lambda: RdsApi().cluster("lab")) is Trouble.NO_CREDENTIALS
    assert plane.calls.total() == 0


def test_an_instance_metadata_service_that_never_answers_means_no_credentials(plane, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", place)
        assert trouble(lambda: RdsApi(REGION).cluster("lab")) is Trouble.NO_CREDENTIALS
    assert plane.calls.total() == 0


def test_an_answer_that_is_none_is_a_failure(api, plane):
    plane.answer = lambda *_: (200, b"<html>log in first</html>")
    try:
        assert trouble(lambda: api.cluster("lab")) is Trouble.FAILED
    finally:
        del plane.answer


def test_a_trouble_is_new_once(api):
    apis = Apis()
    denied = ApiError(Trouble.DENIED, "rds:DescribeDBClusters", "AccessDenied")
    assert [apis.is_new(denied) for _ in range(3)] == [True, False, False]
    assert apis.is_new(ApiError(Trouble.DENIED, "rds:DescribeEvents", "AccessDenied"))
    assert apis.of(REGION) is apis.of(REGION)
