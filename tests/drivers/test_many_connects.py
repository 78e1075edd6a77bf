"""Fresh connections through the writer endpoint, several side by side: each is one login."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.sql import run
from tests.support.waiting import eventually

# `make test-connects` makes 10,000 with each driver.
CONNECTS = int(os.environ.get("TEST_CONNECTS", "40"))
AT_ONCE = 10
OWN = "connects"
# The application's logins so far, by the server's own count.
LOGINS = {
    "postgresql": "SELECT sessions FROM pg_stat_database WHERE datname = 'connects'",
    "mysql": "SELECT TOTAL_CONNECTIONS FROM information_schema.USER_STATISTICS WHERE USER = 'app'",
}


@pytest.fixture
def logins(cluster, monkeypatch):
    """Return how many sessions the writer has seen begin that are the application's or ours.

    PostgreSQL counts by database, so that they have one to themselves.
    """
    if cluster.engine == "mysql":
        cluster.execute(cluster.writer, "SET GLOBAL userstat = 1")
    else:
        cluster.execute(cluster.writer, f"DROP DATABASE IF EXISTS {OWN} WITH (FORCE)")
        cluster.execute(cluster.writer, f"CREATE DATABASE {OWN} OWNER {cluster.user}")
        monkeypatch.setattr(cluster, "database", OWN)

    def logins():
        ((number,),) = cluster.execute(cluster.writer, LOGINS[cluster.engine]) or ((0,),)
        return int(number)

    return logins


@pytest.mark.timeout(120 + CONNECTS // 10)
def test_each_connect_is_one_login_and_none_is_closed_by_the_agent(logins, agent, connect):
    before = logins()

    def connect_and_close(_):
        connection = connect()
        assert run(connection, "SELECT 1")
        connection.close()

    with ThreadPoolExecutor(AT_ONCE) as side_by_side:
        list(side_by_side.map(connect_and_close, range(CONNECTS)))
    eventually(lambda: logins() - before >= CONNECTS)
    assert logins() - before == CONNECTS
    exported = agent.exported
    for metric in ("opens", "closes"):
        assert exported.metric(f"aurora.connection.{metric}") == CONNECTS
    for metric in ("invalidations", "prunes", "failures"):
        assert exported.metric(f"aurora.connection.{metric}") == 0
