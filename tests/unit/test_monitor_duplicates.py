"""Two clusters turn out to be one, in the middle of a failover."""

from __future__ import annotations

import time

import pytest
from opentelemetry import metrics, trace
from opentelemetry.context import Context

from aurora_otel.agent import Agent
from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Answer, Reading, Role, Source, Verdict, View
from aurora_otel.monitoring.requests import Trigger
from aurora_otel.runtime import sockets
from aurora_otel.settings import Settings
from aurora_otel.telemetry.metrics import instruments
from aurora_otel.telemetry.spans import Spans
from aurora_otel.tracking.track import State, Track
from tests.support.tracks import SYSTEM, Connection

OLD, NEW = MEMBERS = ("lab-1", "lab-2")
DOMAIN = "abcdefghijkl.eu-west-1.rds.amazonaws.com"
PRIVATE = "db.internal"


@pytest.fixture
def agent():
    settings = Settings.resolve({"writer_endpoints": PRIVATE})
    agent = Agent(settings, Spans(trace.NoOpTracer()), instruments(metrics.NoOpMeterProvider()))
    yield agent
    assert agent.shield.failures == {}
    agent.stop()


def meet(agent, host):
    endpoint = agent.clusters.endpoints.classify(host, 5432)
    answer = Answer(OLD, Role.UNKNOWN, "1", View(MEMBERS, None))
    cluster = agent.clusters.place(endpoint, SYSTEM, time.monotonic(), answer)
    cluster.learn(MEMBERS, time.monotonic())
    cluster.source = AuroraPostgreSQL()
    return cluster, endpoint


def track(agent, cluster, endpoint, sock):
    connection = Connection()
    track = Track(
        connection,
        agent.tracker.collected,
        group=cluster.group(OLD, Role.WRITER, "psycopg", endpoint.type),
        cluster=cluster,
        instance=OLD,
        opened_at=time.monotonic(),
        socket=sockets.identify(sock.fileno()),
    )
    agent.tracker.note(track)
    return connection, track


def test_what_a_failover_made_stale_is_cleaned_up_by_the_cluster_that_finds_the_writer(agent, pair):
    merged_into, _ = meet(agent, f"orders.cluster-ro-{DOMAIN}")
    cluster, endpoint = meet(agent, PRIVATE)
    assert merged_into is not cluster
    cluster.detector.introduce(OLD)
    connection, stale = track(agent, cluster, endpoint, pair[0])
    monitor = cluster.monitor
    monitor.symptom(Symptom.CONNECTION_LOST, suspect=OLD, wait=False)

    # While the refreshes go on, the RDS API names the endpoints: they belong to one cluster.
    for host in (f"orders.cluster-{DOMAIN}", f"orders.cluster-ro-{DOMAIN}"):
        agent.clusters.bind(
            cluster, agent.clusters.endpoints.classify(host, 5432), MEMBERS, time.monotonic()
        )
    agent.use_cases.rounds.tick()
    assert stale.cluster is merged_into
    # A call on a connection that has moved refreshes, too. No call is left to close a window.
    assert (merged_into.alert, cluster.alert) == (True, False)
    assert merged_into.detector.window_open(time.monotonic())
    assert not cluster.detector.window_open(time.monotonic())

    began = time.monotonic()
    reading = Reading(Source.SQL, began, NEW, MEMBERS, Verdict(NEW, MEMBERS, began))
    outcome = monitor.refresh.act(Trigger(Context()), reading, began)
    assert outcome.changed
    assert stale.state is State.INVALIDATED
    assert pair[1].recv(1) == b""
    assert merged_into.detector.writer == NEW
    assert (merged_into.failovers[Symptom.CONNECTION_LOST], sum(cluster.failovers.values())) == (
        1,
        0,
    )
    del connection


def test_a_duplicate_without_symptoms_starts_no_refresh(agent):
    merged_into, _ = meet(agent, f"orders.cluster-ro-{DOMAIN}")
    cluster, _ = meet(agent, PRIVATE)
    for each in (merged_into, cluster):
        each.detector.introduce(OLD)
    endpoint = agent.clusters.endpoints.classify(f"orders.cluster-ro-{DOMAIN}", 5432)
    agent.clusters.bind(cluster, endpoint, MEMBERS, time.monotonic())
    agent.use_cases.rounds.tick()
    assert cluster.current is merged_into
    assert not merged_into.alert
