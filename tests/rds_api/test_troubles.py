"""Whatever befalls the RDS API, no call of the application is delayed by it or fails of it.

The same calls are made with `RDS_API=off` and with an API in trouble, and their own durations are
compared. What a call may wait for a look, both runs wait: SQL cannot answer here.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from aurora_otel import AuroraInstrumentor
from aurora_otel.lab import Failover
from tests.behaviour.sql import Call, attempt, run, write
from tests.conftest import eventually
from tests.rds_api.control_plane import ControlPlane

PRIVATE = "db.example.com"
# Of the machine that the tests share with others, in seconds; a call that waited for the API would
# wait for longer where it is silent or slow.
NOISE = 2.5


@dataclass
class Trouble:
    """Something that befalls the RDS API.

    Attributes:
        befall: makes it happen, given the control plane and pytest's monkeypatch.
        told: how the one warning goes on; empty: nothing is told.
        error: `error.type` of the looks in vain; empty: there are none.
    """

    befall: Callable[[ControlPlane, pytest.MonkeyPatch], Any]
    told: str = ""
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


@dataclass
class Application:
    """What an application does, and how long each call took."""

    connect: Callable[[], Any]
    durations: list[float] = field(default_factory=list)

    def timed(self, action: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = attempt(action)
        self.durations.append(time.perf_counter() - began)
        return result

    def live_through(self, fail_over: Callable[[], Any]) -> None:
        held = [self.connect() for _ in range(3)]
        for connection in held:
            assert self.timed(lambda c=connection: write(c)) is None
        fail_over()
        # Three at once: the look is one for all of them.
        errors = []
        calls = [
            threading.Thread(target=lambda c=c: errors.append(self.timed(lambda: write(c))))
            for c in held
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        assert {type(error).__name__ for error in errors} <= {"ReadOnlySqlTransaction"}
        for connection in held:
            self.timed(connection.rollback)
            for _ in range(5):
                self.timed(lambda c=connection: run(c, "SELECT 1"))
            self.timed(connection.rollback)
            connection.close()


@pytest.fixture
def plain_run(start, muted, plane):
    """Has the application live through a failover that it cannot see, with given settings."""

    def live(connect, **settings):
        muted.heal()
        muted.dns_lag = 600
        plane.show(muted)
        agent = start(writer_endpoints=PRIVATE, refresh_timeout=0.3, **settings)
        application = Application(lambda: connect(muted.dsn("writer", host=PRIVATE)))
        application.live_through(lambda: muted.failover(Failover.SWITCHOVER))
        return agent, application.durations

    return live


@pytest.fixture(scope="module")
def durations_without():
    """How long the calls took with `RDS_API=off`; measured once."""
    return []


def asked(agent):
    """Whether the API was asked, and the question is over."""
    (refresher,) = agent.internals.refreshers.values()
    return refresher._api._pace.next > float("-inf") and refresher._api._thread is None


@pytest.mark.parametrize("name", TROUBLES)
def test_no_call_is_delayed_or_fails(name, plain_run, plane, durations_without, caplog):
    if not durations_without:
        _, durations = plain_run(psycopg.connect, rds_api="off")
        durations_without.extend(durations)
        assert plane.calls.total() == 0
        AuroraInstrumentor().uninstrument()
    caplog.set_level(logging.WARNING, logger="aurora_otel")
    trouble = TROUBLES[name]
    with pytest.MonkeyPatch.context() as patch:
        kept = trouble.befall(plane, patch)
        agent, durations = plain_run(psycopg.connect)
        assert max(durations) <= max(durations_without) + NOISE
        eventually(lambda: asked(agent))
        del kept
    told = (r.getMessage() for r in caplog.records if r.name == "aurora_otel")
    warnings = [message for message in told if "gives no answer" in message]
    assert len(warnings) == bool(trouble.told)
    assert trouble.told in "".join(warnings)
    errors = {
        point.attributes.get("error.type")
        for point in agent.told.points("aurora.topology.refresh.duration")
        if point.attributes["aurora.topology.source"] == "rds_api"
    }
    assert errors == ({trouble.error} if trouble.told else set())


def answer_after_publication(start, cluster, plane, **settings):
    """Return how long a call goes on waiting once SQL can tell the new writer."""
    cluster.heal()
    plane.show(cluster)
    agent = start(refresh_timeout=15, refresh_interval=0.1, **settings)
    connection = psycopg.connect(cluster.dsn("writer"))
    write(connection)
    switch = cluster.failover(Failover.SWITCHOVER, publish=False)
    call = Call(lambda: write(connection))
    eventually(lambda: len(agent.told.spans("refresh topology")) >= 1)
    if settings["rds_api"] != "off":
        eventually(plane.calls.total)
    began = time.perf_counter()
    cluster.publish()
    assert type(call.outcome(20)).__name__ == "ReadOnlySqlTransaction"
    duration = time.perf_counter() - began
    assert agent.tracked(switch.old_writer) == 0
    connection.close()
    AuroraInstrumentor().uninstrument()
    return duration


def test_looks_by_sql_go_on_while_the_api_is_silent(start, cluster, plane):
    without = answer_after_publication(start, cluster, plane, rds_api="off")
    plane.does.silent = True
    beside = answer_after_publication(start, cluster, plane, rds_api="auto")
    assert beside <= without + 1.0
