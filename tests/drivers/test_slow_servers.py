"""A server whose answer is late costs no connection, also where the role may have no more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from aurora_otel.lab import Cluster
from tests.support.functions import replaced
from tests.support.sql import write

LIMIT = 3
_SERVER_ID = """
CREATE OR REPLACE FUNCTION aurora.server_id() RETURNS varchar(63) CHARSET utf8mb4 NO SQL
BEGIN {before} RETURN @@global.report_host; END
"""


@contextlib.contextmanager
def _postgresql(cluster: Cluster) -> Iterator[None]:
    slow = replaced(cluster, "aurora_replica_status", before="PERFORM pg_catalog.pg_sleep(1);")
    with slow:
        cluster.execute(cluster.writer, f"ALTER ROLE app CONNECTION LIMIT {LIMIT}")
        yield
        cluster.execute(cluster.writer, "ALTER ROLE app CONNECTION LIMIT -1")


@contextlib.contextmanager
def _mysql(cluster: Cluster) -> Iterator[None]:
    def limit(number: int) -> None:
        alter = f"ALTER USER app WITH MAX_USER_CONNECTIONS {number}"
        cluster.execute(cluster.writer, alter)

    cluster.execute(cluster.writer, _SERVER_ID.format(before="DO SLEEP(1);"))
    limit(LIMIT)
    yield
    limit(0)
    cluster.execute(cluster.writer, _SERVER_ID.format(before=""))


SLOW = {"postgresql": _postgresql, "mysql": _mysql}


@pytest.fixture
def slow(cluster, driver):
    """Each instance takes a second to identify itself; the role has a limit of sessions."""
    with SLOW[driver.engine.name](cluster):
        yield


def test_all_connections_that_a_role_may_have_are_the_applications(
    start, driver, cluster, connect, slow
):
    agent = start(**driver.settings(cluster), identify_timeout=0.3)
    with ThreadPoolExecutor(LIMIT) as threads:
        held = list(threads.map(lambda _: connect(), range(LIMIT)))
    for connection in held:
        write(connection)
    assert agent.tracked() == agent.exported.metric("aurora.connection.opens") == LIMIT
    for connection in held:
        connection.close()
