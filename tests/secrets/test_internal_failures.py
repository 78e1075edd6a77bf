"""An internal failure, whose exception quotes everything, exports no secret and stays inside."""

from __future__ import annotations

import sys

import psycopg
import psycopg2
import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.secrets.search import found, sinks
from tests.support.waiting import eventually

CANARY = "canary-of-an-exception"
ERRORS = (psycopg.Error, psycopg2.Error)
PLACES = [
    "hooks.identification.Identification.identify",
    "model.detector.Detector.judge",
    "runtime.sockets.identify",
    "runtime.sockets.shut_down",
    "discovery.walk.Walk.read",
    "tracking.tracker.Tracker.note",
    "hooks.placement.Placement.cluster_of",
    "monitoring.monitor.ClusterMonitor.symptom",
    "telemetry.spans.Spans.failover",
]


@pytest.mark.parametrize("place", PLACES)
def test_an_internal_failure_stays_inside_and_exports_no_secret(
    agent, cluster, every_record, monkeypatch, place
):
    dsn = cluster.dsn("writer")
    before = psycopg2.connect(dsn)

    def broken(*_args, **_kwargs):
        error = LookupError(f"{CANARY}: {dsn}")
        if sys.version_info >= (3, 11):
            error.add_note(dsn)
        raise error from KeyError(dsn)

    with monkeypatch.context() as patched:
        patched.setattr(f"aurora_otel.{place}", broken)
        connection = psycopg.connect(dsn)
        cluster.failover(Failover.SWITCHOVER)
        # The application meets what it would meet without us.
        for each in (before, connection):
            with pytest.raises(ERRORS):
                each.cursor().execute("INSERT INTO writes (x) VALUES ('x')")
        eventually(lambda: aurora_otel.snapshot().internal_failures)
        exported = sinks(agent.exported, every_record)
    assert "LookupError" in exported["log records"]
    assert found([CANARY, cluster.password], exported) == set()
    agent.internals.shield.failures.clear()
