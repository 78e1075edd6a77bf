"""What is tracked, and never judged: nothing is asked, and nothing is ever closed.

Limitless and PgBouncer are in `tests/behaviour`. Galera and groups of primaries, which the lab does
not play, are in `tests/unit/test_plain_mysql.py`.
"""

from __future__ import annotations

import psycopg
import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.logins import logged as logged_logins
from tests.support.sql import READ_ONLY, attempt, refused_write, run, sqlstate
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"
DOMAIN = "c0ffee123456.eu-west-1.rds.amazonaws.com"
NAMES = {
    "RDS Proxy": f"orders.proxy-{DOMAIN}",
    "RDS Proxy, an endpoint of its own": f"orders-writes.endpoint.proxy-{DOMAIN}",
    "Limitless": f"orders.shardgrp-{DOMAIN}",
    "DSQL": "abcdefghijklmnopqrst123456.dsql.eu-west-1.on.aws",
}


@pytest.fixture
def driver():
    return "psycopg"


@pytest.mark.parametrize("host", NAMES.values(), ids=NAMES)
def test_what_its_name_shows_is_asked_nothing_and_never_judged(agent, cluster, connect, host):
    held = [connect(cluster.dsn("writer", host=host)) for _ in range(3)]
    run(held[0], "SET TRANSACTION READ ONLY")
    assert sqlstate(refused_write(held[0])) == READ_ONLY
    switch = cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(held[1])) == READ_ONLY
    assert cluster.sessions(switch.old_writer) == 3
    assert cluster.sessions(switch.old_writer, application_name="aurora-otel") == 0
    assert agent.exported.metric("aurora.connection.opens", instance_id="unknown") == 3
    assert agent.exported.spans("refresh topology") == []
    assert agent.exported.metric(INVALIDATIONS) == 0
    for connection in held:
        connection.close()


def test_a_cluster_without_connections_is_not_kept_awake(start, cluster, connect):
    """As one of Aurora Serverless that pauses when it has none."""
    agent = start(refresh_interval=0.1, refresh_timeout=1.0, refresh_window=3.0)
    held = [connect(cluster.dsn("writer")) for _ in range(2)]
    # No instance confirms that it is the writer: a doubt that goes on.
    cluster.set_read_only(cluster.writer, on=True)
    assert sqlstate(refused_write(held[0])) == READ_ONLY
    assert aurora_otel.snapshot().clusters[0].window_open
    for connection in held:
        connection.close()
    everywhere = list(cluster.instances)
    # Well before the five minutes after which such a cluster pauses at the earliest.
    eventually(lambda: not aurora_otel.snapshot().clusters[0].window_open)
    eventually(lambda: not any(map(cluster.sessions, everywhere)))
    logins = logged_logins(cluster)
    rounds = agent.exported.metric("aurora.connection.opens")
    # Another cluster is in use meanwhile; this one is left alone.
    with psycopg.connect(cluster.dsn("writer", host=NAMES["DSQL"])) as other:
        eventually(lambda: agent.exported.metric("aurora.connection.opens") == rounds + 1)
        attempt(lambda: run(other, "SELECT pg_sleep(3)"))
    assert sum(logins.of_our_own().values()) == 0
