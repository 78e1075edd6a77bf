"""Whatever fails in the RDS API, no call of the application waits for it or fails because of it.

The questions to it are held back until the application is through: a call that waited for one would
never return.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from aurora_otel.lab import Failover
from tests.support.rds_api import ControlPlane
from tests.support.sql import Call, run, write
from tests.support.threads import RDS_API, threads
from tests.support.waiting import eventually

PRIVATE = "db.example.com"


@dataclass
class Trouble:
    """A failure of the RDS API.

    Attributes:
        cause: makes it happen, given the control plane and pytest's monkeypatch.
        warning: how the one warning goes on; empty: nothing is logged.
        error: `error.type` of the failed refreshes; empty: there are none.
    """

    cause: Callable[[ControlPlane, pytest.MonkeyPatch], Any]
    warning: str = ""
    error: str = ""


def silent_metadata(plane, patch):
    patch.delenv("AWS_ACCESS_KEY_ID")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    listener = socket.create_server(("127.0.0.1", 0))
    place = f"http://127.0.0.1:{listener.getsockname()[1]}"
    patch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", place)
    return listener


def closed_port(plane, patch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        place = closed.getsockname()[1]
    patch.setenv("AWS_ENDPOINT_URL_RDS", f"http://127.0.0.1:{place}")


TROUBLES = {
    "throttled": Trouble(
        lambda plane, _: setattr(plane.does, "throttled", True),
        "DescribeDBInstances (Throttling)",
        "Throttling",
    ),
    "denied": Trouble(
        lambda plane, _: setattr(plane.does, "allowed", {"rds:DescribeDBClusters"}),
        "DescribeDBInstances (AccessDenied): allow this IAM action",
        "AccessDenied",
    ),
    "silent": Trouble(
        lambda plane, _: setattr(plane.does, "silent", True),
        "DescribeDBInstances (ReadTimeoutError)",
        "ReadTimeoutError",
    ),
    "slow": Trouble(lambda plane, _: setattr(plane.does, "delay", 1.2)),
    "closed port": Trouble(
        closed_port,
        "DescribeDBInstances (EndpointConnectionError)",
        "EndpointConnectionError",
    ),
    "wrong region": Trouble(
        lambda _, patch: patch.setenv("AWS_REGION", "us-east-1"),
        "DescribeDBInstances (DBInstanceNotFound): no such Aurora cluster",
        "DBInstanceNotFound",
    ),
    "no region": Trouble(
        lambda _, patch: patch.delenv("AWS_REGION"),
        "DescribeDBInstances (NoRegionError): set AWS_REGION",
        "NoRegionError",
    ),
    "no credentials": Trouble(lambda _, patch: patch.delenv("AWS_ACCESS_KEY_ID")),
    "silent metadata": Trouble(silent_metadata),
}


def live_through_a_failover(cluster, questions):
    """Act as an application that does not notice a failover, and go on during the question."""
    held = [psycopg.connect(cluster.dsn("writer", host=PRIVATE)) for _ in range(3)]
    for connection in held:
        write(connection)
    cluster.failover(Failover.SWITCHOVER)
    # Three at once share one refresh.
    calls = [Call(lambda c=connection: write(c)) for connection in held]
    errors = {type(call.outcome()).__name__ for call in calls}
    assert errors == {"ReadOnlySqlTransaction"}
    eventually(questions.begun.is_set)
    for connection in held:
        connection.rollback()
        for _ in range(5):
            run(connection, "SELECT 1")
        connection.close()
    psycopg.connect(cluster.dsn("writer", host=PRIVATE)).close()


@pytest.fixture
def cluster_behind_a_name(muted):
    """Its application cannot read the topology, and connects by a name that lags behind."""
    muted.dns_lag = 600
    return muted


@pytest.mark.parametrize("name", TROUBLES)
def test_no_call_waits_or_fails(  # noqa: PLR0913, PLR0917 - fixtures
    name, start, cluster_behind_a_name, plane, questions, caplog
):
    caplog.set_level(logging.WARNING, logger="aurora_otel")
    trouble = TROUBLES[name]
    with pytest.MonkeyPatch.context() as patch:
        kept = trouble.cause(plane, patch)
        agent = start(writer_endpoints=PRIVATE, refresh_timeout=0.3)
        with questions.held_back():
            live_through_a_failover(cluster_behind_a_name, questions)
        eventually(lambda: not threads(RDS_API))
        del kept
    agent.exported.flush()
    logged = (r.getMessage() for r in caplog.records if r.name == "aurora_otel")
    warnings = [message for message in logged if "gives no answer" in message]
    assert len(warnings) == bool(trouble.warning)
    assert trouble.warning in "".join(warnings)
    errors = {
        point.attributes.get("error.type")
        for point in agent.exported.points("aurora.topology.refresh.duration")
        if point.attributes["aurora.topology.source"] == "rds_api"
    }
    assert errors == ({trouble.error} if trouble.warning else set())


def test_refreshes_by_sql_go_on_while_the_api_gives_no_answer(start, cluster, plane, questions):
    agent = start(refresh_timeout=30, refresh_interval=0.1)
    connection = psycopg.connect(cluster.dsn("writer"))
    write(connection)
    with questions.held_back():
        switch = cluster.failover(Failover.SWITCHOVER, publish=False)
        call = Call(lambda: write(connection))
        eventually(questions.begun.is_set)
        cluster.publish()
        assert type(call.outcome()).__name__ == "ReadOnlySqlTransaction"
        eventually(lambda: agent.tracked(switch.old_writer) == 0)
        assert agent.exported.metric("aurora.failovers") == 1
        assert plane.calls.total() == 0
    connection.close()
