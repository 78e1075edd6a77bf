"""What a refresh read of another cluster is no verdict about this one."""

from __future__ import annotations

import time

import pytest
from opentelemetry import metrics, trace
from opentelemetry.context import Context

from aurora_otel.agent import Agent
from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.plain_mysql import PlainMySQL
from aurora_otel.discovery.walk import Walk
from aurora_otel.drivers.connects import Login
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Answer, Reading, Role, Source, Verdict, View
from aurora_otel.monitoring.access import Access
from aurora_otel.monitoring.requests import Trigger
from aurora_otel.settings import Settings
from aurora_otel.telemetry.metrics import instruments
from aurora_otel.telemetry.spans import Spans
from tests.support.tracks import SYSTEM

RDS = "x.cluster-abcdefghijkl.eu-west-1.rds.amazonaws.com"
TUNNEL = "127.0.0.1"
GREEN = ("green-1", "green-2")


class Driver:
    """Fakes logins; no connection is opened here."""

    name = "psycopg"

    def password(self, login):
        """Return no password: the login has none, and so no token."""


@pytest.fixture
def agent():
    settings = Settings.resolve({"rds_api": "off"}, {})
    agent = Agent(settings, Spans(trace.NoOpTracer()), instruments(metrics.NoOpMeterProvider()))
    yield agent
    assert agent.shield.failures == {}
    agent.stop()


def blue(agent, host):
    """Return a cluster whose writer listed itself and another, through `host`."""
    endpoint = agent.clusters.endpoints.classify(host, 5432)
    answer = Answer("blue-1", Role.WRITER, "1", View(("blue-1", "blue-2"), "blue-1"))
    cluster = agent.clusters.place(
        endpoint, SYSTEM, time.monotonic(), answer, source=AuroraPostgreSQL(), view=True
    )
    cluster.monitor.connected(Access(Driver(), Login(host), endpoint))
    return cluster


def act(cluster, writer, members, **what):
    began = time.monotonic()
    reading = Reading(Source.SQL, began, writer, members, Verdict(writer, members, began, **what))
    return cluster.monitor.refresh.act(Trigger(Context()), reading, began)


@pytest.mark.parametrize("host", [RDS, TUNNEL])
def test_a_writer_of_other_instances_is_no_verdict(agent, host):
    cluster = blue(agent, host)
    outcome = act(cluster, "green-1", GREEN)
    assert not outcome.confirmed
    assert (cluster.detector.writer, list(cluster.members)) == ("blue-1", ["blue-1", "blue-2"])


@pytest.mark.parametrize(("host", "expected"), [(RDS, "green-1"), (TUNNEL, "blue-1")])
def test_it_is_one_for_an_endpoint_of_rds_once_the_known_writer_has_denied(agent, host, expected):
    cluster = blue(agent, host)
    act(cluster, "green-1", GREEN, denied=True)
    assert cluster.detector.writer == expected


def test_a_writer_that_was_renamed_with_all_others_is_the_same(agent):
    cluster = blue(agent, RDS)
    assert act(cluster, "new-1", ("new-1", "new-2"), renamed="blue-1").confirmed
    assert cluster.detector.writer == "new-1"


def test_a_failover_to_a_member_is_a_verdict_as_ever(agent):
    cluster = blue(agent, TUNNEL)
    assert act(cluster, "blue-2", ("blue-2",)).changed
    assert cluster.detector.writer == "blue-2"


def test_a_reading_is_repeated_where_another_instance_introduced_itself_meanwhile(agent):
    endpoint, source = agent.clusters.endpoints.classify(TUNNEL, 5432), PlainMySQL()
    began = time.monotonic()
    late = Reading(Source.SQL, began, "a", ("a", "b"), Verdict("a", ("a", "b"), began))
    answer = Answer("b", Role.WRITER, "1")
    cluster = agent.clusters.place(endpoint, SYSTEM, time.monotonic(), answer, source=source)
    outcome = cluster.monitor.refresh.act(Trigger(Context()), late, began)
    assert (outcome.confirmed, outcome.changed) == (False, False)
    assert (cluster.detector.writer, cluster.detector.changes) == ("b", 0)
    assert cluster.alert
    assert cluster.detector.refresh_due(time.monotonic())


def test_a_refresh_that_brought_nothing_is_reported_all_the_same(agent, monkeypatch):
    cluster, reports = blue(agent, RDS), []
    monkeypatch.setattr(agent, "report", reports.append)
    began = time.monotonic()
    reading = Reading(Source.SQL, began, error="ConnectionError")
    cluster.monitor.refresh.act(Trigger(Context()), reading, began)
    assert [report.reading for report in reports] == [reading]


@pytest.mark.parametrize(
    ("listed", "is_learnt"),
    [(("new-1", "blue-1"), False), (("new-1", "blue-1", "blue-2"), True)],
    ids=["in another cluster now", "a new member"],
)
def test_what_answers_by_the_writers_name_makes_no_member_of_another_clusters_writer(
    agent, listed, is_learnt
):
    cluster, began = blue(agent, RDS), time.monotonic()
    reading = Reading(Source.SQL, began, "new-1", listed, readers=frozenset({"blue-1"}))
    cluster.monitor.refresh.act(Trigger(Context()), reading, began)
    assert ("new-1" in cluster.members) == is_learnt
    assert cluster.detector.writer == "blue-1"


@pytest.mark.parametrize(
    ("is_stuck", "expected"), [(True, Symptom.STUCK), (False, Symptom.TOPOLOGY)]
)
def test_what_a_refresh_was_for_is_the_symptom_where_the_known_writer_was_not_heard_in_time(
    agent, monkeypatch, is_stuck, expected
):
    cluster, began = blue(agent, TUNNEL), time.monotonic()
    claims = {"blue-2": 0}
    reading = Reading(Source.SQL, began, "blue-2", contested=tuple(claims), claims=claims)
    monkeypatch.setattr(Walk, "read", lambda *_, **__: reading)
    cluster.monitor.refresh.run(Trigger(Context(), stuck=is_stuck))
    assert cluster.detector.first_symptom.kind is expected
    assert act(cluster, "blue-2", ("blue-1", "blue-2")).changed
    assert cluster.failovers == {expected: 1}
