"""RDS's own events about a failover are logged beside what the client saw of it."""

from __future__ import annotations

import logging
from datetime import datetime

import pytest

from aurora_otel.lab import Failover
from tests.support.sql import refused_write, write
from tests.support.waiting import eventually

STARTED = "Started cross AZ failover to DB instance: {}"
COMPLETED = "Completed failover to DB instance: {}"


@pytest.fixture
def records(caplog):
    caplog.set_level(logging.INFO, logger="aurora_otel")
    return lambda: [record for record in caplog.records if record.name == "aurora_otel"]


def fail_over(cluster, plane, connection):
    switch = cluster.failover(Failover.SWITCHOVER)
    plane.fail_over(cluster, switch.new_writer)
    assert refused_write(connection) is not None
    return switch


def test_events_become_log_records_metrics_and_a_span_below_the_failover(
    start, cluster, plane, connect, records
):
    plane.emit(STARTED.format("an-older-failover"))
    plane.does.events[0] = (plane.does.events[0][0].replace(year=2020), plane.does.events[0][1])
    plane.does.page = 1
    agent = start(rds_api="on", refresh_interval=0.05)
    connection = connect(cluster.dsn("writer"))
    write(connection)
    switch = fail_over(cluster, plane, connection)
    plane.emit(STARTED.format(switch.new_writer))
    eventually(
        lambda: (
            agent.exported.metric("aurora.failover.events", **{"failover.event.type": "started"})
            == 1
        )
    )
    plane.emit(COMPLETED.format(switch.new_writer))
    (span,) = eventually(lambda: agent.exported.spans("control plane failover"))

    (failover,) = agent.exported.spans("failover")
    assert span.parent.span_id == failover.context.span_id
    assert not span.events
    logged = [record for record in records() if record.getMessage().startswith("RDS: ")]
    assert [record.getMessage() for record in logged] == [
        "RDS: " + STARTED.format(switch.new_writer),
        "RDS: " + COMPLETED.format(switch.new_writer),
    ]
    extras = [vars(record) for record in logged]
    assert [extra["aurora.failover.event.type"] for extra in extras] == ["started", "completed"]
    assert {extra["otel.event.name"] for extra in extras} == {"aurora.rds.failover_event"}
    first, last = (
        datetime.fromisoformat(extra["aurora.failover.event.time"]).timestamp() for extra in extras
    )
    assert (span.start_time, span.end_time) == (int(first * 1e9), int(last * 1e9))
    extra = extras[0]
    assert extra["aurora.failover.new_writer"] == switch.new_writer
    assert extra["aurora.cluster.id"] == "lab"
    assert agent.exported.metric("aurora.failover.events") == 2
    # It is over: the API is not asked any more.
    asked = plane.calls["DescribeEvents"]
    agent.internals.use_cases.rounds.tick()
    assert plane.calls["DescribeEvents"] == asked
    connection.close()


def test_by_default_a_cluster_that_sql_shows_costs_no_call_of_the_api(
    start, cluster, plane, connect
):
    agent = start(refresh_interval=0.05)
    connection = connect(cluster.dsn("writer"))
    fail_over(cluster, plane, connection)
    eventually(lambda: agent.exported.metric("aurora.failovers") == 1)
    for _ in range(3):
        agent.internals.use_cases.rounds.tick()
    assert plane.calls.total() == 0
    connection.close()


def test_where_the_api_lags_sql_wins_and_the_disagreement_is_logged(
    start, cluster, plane, connect, records
):
    agent = start(rds_api="on", refresh_interval=0.05)
    connection = connect(cluster.dsn("writer"))
    switch = cluster.failover(Failover.SWITCHOVER)  # and the API goes on naming the old writer
    assert refused_write(connection) is not None
    eventually(lambda: agent.exported.metric("aurora.topology.disagreements") == 1)
    assert agent.exported.metric("aurora.topology.writer", instance_id=switch.new_writer) == 1
    assert agent.exported.metric("aurora.failovers") == 1
    wanted = (
        f"the RDS API names {switch.old_writer} as the writer, the instances {switch.new_writer}: "
        "the instances count"
    )
    assert [r.getMessage() for r in records() if "the RDS API" in r.getMessage()] == [wanted]
    second = connect(cluster.dsn("writer"))
    write(second)
    connection.close()
    second.close()
