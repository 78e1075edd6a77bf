"""The least privileges of each kind: a login, and what `docs/kinds-of-clusters.md` lists beside it.

The login owns nothing, belongs to no role, and may do no more than write to the application's own
table.
"""

from __future__ import annotations

import functools

import pytest

from aurora_otel.lab import Failover
from tests.kinds.cases import _case, _cluster, _connect, _driver  # noqa: F401 - fixtures
from tests.kinds.conftest import kinds, logged
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.sql import attempt, write
from tests.support.waiting import eventually

# The fixture of the lab, and the driver.
CASES = [
    ("lab", "psycopg"),
    ("mysql_lab", "pymysql"),
    ("multi_az", "psycopg"),
    ("multi_az_mysql", "pymysql"),
    ("plain", "psycopg"),
    ("plain_mysql", "pymysql"),
]
pytestmark = pytest.mark.parametrize("case", CASES, ids="-".join, indirect=True)
NAME, PASSWORD = "least", "least-of-all"
LOGIN = {
    "postgresql": (
        f"CREATE ROLE {NAME} LOGIN NOINHERIT PASSWORD '{PASSWORD}'",
        f"GRANT INSERT ON writes TO {NAME}",
        f"GRANT USAGE ON SEQUENCE writes_id_seq TO {NAME}",
    ),
    "mysql": (
        f"CREATE USER {NAME} IDENTIFIED BY '{PASSWORD}'",
        f"GRANT INSERT ON app.writes TO {NAME}",
    ),
}
GONE = {
    "postgresql": (f"DROP OWNED BY {NAME}", f"DROP ROLE {NAME}"),
    "mysql": (f"DROP USER {NAME}",),
}
# By the lab, what every login may do there, unless it is taken away: the privilege of the kind.
PRIVILEGES = {
    "multi_az": "USAGE ON SCHEMA rds_tools",
    "multi_az_mysql": "SELECT ON mysql.rds_topology",
}
EXISTS = {
    "postgresql": f"SELECT 1 FROM pg_roles WHERE rolname = '{NAME}'",
    "mysql": f"SELECT 1 FROM mysql.global_priv WHERE user = '{NAME}'",
}


@pytest.fixture
def least(case, cluster):
    """Create the login; no login has the privilege of the kind, until it is granted."""

    def execute(*statements):
        for statement in statements:
            cluster.execute(cluster.writer, statement)

    privilege = PRIVILEGES.get(case[0])
    execute(*LOGIN[cluster.engine])
    try:
        if privilege:
            execute(f"REVOKE {privilege} FROM PUBLIC")
        found = EXISTS[cluster.engine]
        eventually(lambda: all(cluster.execute(each, found) for each in cluster.instances))
        yield lambda: execute(f"GRANT {privilege} TO {NAME}") if privilege else None
    finally:
        cluster.heal()
        if privilege:
            execute(f"GRANT {privilege} TO PUBLIC")
        execute(*GONE[cluster.engine])


@pytest.fixture
def connect(cluster, driver):
    return lambda: driver.open({**driver.login(cluster), "user": NAME, "password": PASSWORD})


def close(*connections):
    for connection in connections:
        attempt(connection.close)


def test_what_the_documents_list_is_enough_for_a_failover(least, start, cluster, driver, connect):
    least()
    agent = start(**driver.settings(cluster))
    errors = logged(cluster, "ERROR")
    held = [connect() for _ in range(3)]
    for connection in held:
        write(connection)
    assert kinds() == {cluster.kind}
    assert logged(cluster, "ERROR") == errors
    switch = cluster.failover(Failover.SWITCHOVER)
    attempt(functools.partial(write, held[0]))
    fresh = connect()
    write(fresh)
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    eventually(lambda: agent.exported.metric("aurora.failovers") == 1)
    close(*held, fresh)


def test_each_privilege_has_its_use_and_no_server_logs_that_it_is_missing(
    least, case, start, cluster, connect
):
    agent = start()
    errors = logged(cluster, "ERROR")
    held = [connect() for _ in range(2)]
    for connection in held:
        write(connection)
    assert (cluster.kind in kinds()) == (case[0] not in PRIVILEGES)
    assert logged(cluster, "ERROR") == errors
    assert agent.tracked() == 2
    close(*held)
