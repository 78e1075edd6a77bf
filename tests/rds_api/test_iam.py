"""IAM authentication: a token is valid for one host, for fifteen minutes; the agent asks others."""

from __future__ import annotations

import boto3
import pytest

from aurora_otel.drivers import REGISTRY
from aurora_otel.drivers.connects import Login
from aurora_otel.lab import Failover
from tests.support.iam_gateway import Gateways
from tests.support.rds_api import REGION
from tests.support.sql import refused_write, serving, write
from tests.support.waiting import eventually


@pytest.fixture(params=["psycopg", "psycopg2"])
def driver(request):
    return request.param


@pytest.fixture
def gateways(cluster, plane):
    with Gateways(cluster, "secret-of-tests") as gateways:
        yield gateways


@pytest.fixture
def token(cluster, gateways):
    """Signs as applications do, for the writer endpoint."""
    client = boto3.client("rds", region_name=REGION)
    place = (cluster.host("writer"), cluster.address("writer")[1])

    def signed_again():
        # Of one second, all are the same.
        token = client.generate_db_auth_token(*place, cluster.user)
        return None if token in gateways.expired else token

    return lambda: eventually(signed_again)


def test_each_instance_that_is_asked_gets_a_token_of_its_own(  # noqa: PLR0913, PLR0917 - fixtures
    start, cluster, gateways, connect, token, caplog
):
    agent = start(instance_endpoints=gateways.instance_endpoints(), refresh_timeout=5)
    held = [connect(gateways.dsn(token())) for _ in range(3)]
    write(held[0])
    gateways.expire()  # an hour later
    switch = cluster.failover(Failover.SWITCHOVER)
    assert refused_write(held[0]) is not None
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)

    asked = [target for target, _ in gateways.tokens[3:]]
    assert switch.new_writer in asked
    assert "writer" not in asked  # each was signed for an instance, by its own name
    reported = caplog.text + "".join(span.to_json() for span in agent.exported.spans())
    assert "failover: the writer changed" in reported
    assert "X-Amz" not in reported
    for connection in held:
        connection.close()


def login_is_rejected_until_the_next_connection(agent, cluster, gateways, connect, token):
    first = connect(gateways.dsn(token()))
    write(first)
    gateways.expire()
    switch = cluster.failover(Failover.SWITCHOVER)
    assert refused_write(first) is not None
    monitor = next(iter(agent.internals.clusters)).monitor
    eventually(lambda: monitor.login_rejected)
    assert agent.tracked(switch.old_writer) == 1
    assert len(gateways.tokens) == 1

    second = connect(gateways.dsn(token()))
    assert serving(second) == switch.new_writer
    assert agent.tracked(switch.old_writer) == 0
    assert agent.exported.metric("aurora.failovers") == 1
    write(second)
    first.close()
    second.close()


def test_where_no_token_may_be_signed_the_next_connection_of_the_application_shows_the_writer(
    start, cluster, gateways, connect, token
):
    agent = start(
        instance_endpoints=gateways.instance_endpoints(), refresh_timeout=5, rds_api="off"
    )
    login_is_rejected_until_the_next_connection(agent, cluster, gateways, connect, token)


@pytest.fixture
def no_credentials(token, monkeypatch):
    """No AWS credentials; the application has found its own elsewhere."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")


@pytest.mark.usefixtures("no_credentials")
def test_where_no_token_can_be_signed_the_next_connection_of_the_application_shows_the_writer(
    start, cluster, gateways, connect, token
):
    agent = start(instance_endpoints=gateways.instance_endpoints(), refresh_timeout=5)
    login_is_rejected_until_the_next_connection(agent, cluster, gateways, connect, token)


def test_a_rotated_password_is_taken_from_the_next_connection(start, cluster, connect):
    agent = start()
    first = connect(cluster.dsn("writer"))
    write(first)
    rotate = f"ALTER ROLE {cluster.user} PASSWORD '{{}}'"
    cluster.execute(cluster.writer, rotate.format("another"))
    try:
        switch = cluster.failover(Failover.SWITCHOVER)
        assert refused_write(first) is not None
        monitor = next(iter(agent.internals.clusters)).monitor
        eventually(lambda: monitor.login_rejected)
        second = connect(cluster.dsn("writer", password="another"))
        assert serving(second) == switch.new_writer
        assert agent.tracked(switch.old_writer) == 0
    finally:
        cluster.execute(cluster.writer, rotate.format(cluster.password))
    first.close()
    second.close()


def test_a_driver_gives_a_login_another_password(driver, monkeypatch):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    adapter = next(each for each in REGISTRY if each.name == driver).load()
    signed = "lab-1.c0ffee.eu-west-1.rds.amazonaws.com:5432/?Action=connect&X=a%2Fb '\\"
    login = Login("host=lab user=app password='an old one'")
    assert adapter.password(login) == "an old one"
    assert adapter.password(adapter.with_password(login, signed)) == signed
    assert adapter.password(Login("host=lab user=app")) is None
    assert "old" not in repr(adapter.with_password(login, signed))
    monkeypatch.setenv("PGPASSWORD", signed)
    assert adapter.password(Login("host=lab user=app")) == signed
