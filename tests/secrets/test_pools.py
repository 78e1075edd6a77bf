"""No secret in what is exported of a pool, through a failover and refused logins."""

from __future__ import annotations

import pytest

from aurora_otel.lab import Failover
from tests.pools.conftest import cluster, open_pool
from tests.secrets.conftest import ANOTHER
from tests.secrets.search import found, sinks
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.pools.cases import CASES, fill
from tests.support.sql import attempt
from tests.support.waiting import eventually

__all__ = ["cluster", "open_pool"]

LITERAL = "canary-of-a-literal"
# One of each library, and all the drivers of its engines.
LIBRARIES = {case.kind.library: case for case in reversed(CASES)}
END = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{}'",
    "mysql": "KILL CONNECTION USER {}",
}


def ours_and_the_libraries(records):
    """All records but SQLAlchemy's, whose own log shows statements where they are asked for."""
    return [record for record in records if not record.name.startswith("sqlalchemy")]


@pytest.mark.parametrize("case", LIBRARIES.values(), ids=str)
def test_a_pool_through_a_failover_and_refused_logins_exports_no_secret(  # noqa: PLR0913, PLR0917 - fixtures
    start, cluster, open_pool, case, rotate, every_record, monkeypatch
):
    monkeypatch.setattr(
        "tests.support.pools.libraries.WRITE", f"INSERT INTO writes (x) VALUES ('{LITERAL}')"
    )
    secrets = [cluster.password, ANOTHER, LITERAL]
    settings = case.driver.settings(cluster)
    agent = start(query_spans="summary", refresh_timeout=0.5, **settings)
    pool = open_pool()
    fill(pool, case.kind.idle)
    switch = cluster.failover(Failover.SWITCHOVER)
    eventually(lambda: attempt(pool.write) is None)
    eventually(lambda: agent.tracked(switch.old_writer) == 0)

    known = cluster.password
    rotate()
    monkeypatch.setattr(cluster, "password", known)  # the pool's, and it stays

    def is_without_a_connection():
        cluster.execute(cluster.writer, END[cluster.engine].format(cluster.user))
        return agent.tracked() == 0

    eventually(is_without_a_connection)
    assert attempt(pool.write) is not None

    exported = sinks(agent.exported, ours_and_the_libraries(every_record))
    assert found(secrets, exported) == set()
    assert all(switch.new_writer in exported[name] for name in ("spans", "metrics", "log records"))
