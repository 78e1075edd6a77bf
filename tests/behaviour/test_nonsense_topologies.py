"""A topology query that fails, hangs or returns nonsense changes nothing for the application."""

from __future__ import annotations

import contextlib

import pytest

from aurora_otel.lab import Member
from tests.support.functions import replaced, tampered
from tests.support.sql import READ_ONLY, refused_write, run, sqlstate, write

STATUS = "aurora_replica_status"
IDENTITY = "aurora_db_instance_identifier"
MASTER = "MASTER_SESSION_ID"
DROP = f"DROP FUNCTION pg_catalog.{STATUS}(); "
CREATE = f"CREATE FUNCTION pg_catalog.{STATUS}() RETURNS "

VIEWS = {
    "no rows": [],
    "no writer": [Member("lab-1", "a"), Member("lab-2", "b"), Member("lab-3", "c")],
    "two writers": [Member("lab-2", MASTER), Member("lab-1", MASTER), Member("lab-3", "c")],
    "an unknown writer": [Member("unknown-1", MASTER), Member("lab-2", "b")],
    "garbage": [
        Member(None, None, None),
        Member("Robert'); DROP TABLE writes; --", MASTER, float(-1)),
        Member("", "", 1e300),
    ],
    "many rows": [Member(f"other-{number}", str(number)) for number in range(2000)],
}
TAMPERINGS = {
    "unknown columns": (STATUS, f"{DROP}{CREATE} TABLE (a int) LANGUAGE sql AS 'SELECT 1'"),
    "columns of other types": (
        STATUS,
        f"{DROP}{CREATE} TABLE (server_id int, session_id int) LANGUAGE sql AS 'SELECT 1, 2'",
    ),
    "no function": (STATUS, DROP),
    "no permission": (STATUS, f"REVOKE EXECUTE ON FUNCTION pg_catalog.{STATUS}() FROM PUBLIC"),
    "no permission to ask who it is": (
        IDENTITY,
        f"REVOKE EXECUTE ON FUNCTION pg_catalog.{IDENTITY}() FROM PUBLIC",
    ),
}
PROCEDURES = {
    "an error": "RAISE EXCEPTION 'the disk is on fire';",
    "silence": "PERFORM pg_catalog.pg_sleep(5);",
}


@pytest.fixture(params=[*VIEWS, *TAMPERINGS, *PROCEDURES])
def nonsense(request, cluster):
    kind = request.param
    with contextlib.ExitStack() as stack:
        if kind in VIEWS:
            for instance in cluster.instances:
                cluster.set_view(instance, VIEWS[kind])
        elif kind in TAMPERINGS:
            stack.enter_context(tampered(cluster, *TAMPERINGS[kind]))
        else:
            stack.enter_context(replaced(cluster, STATUS, before=PROCEDURES[kind]))
        yield kind


def test_nonsense_changes_nothing_for_the_application(nonsense, start, cluster, connect):
    agent = start(identify_timeout=0.2, refresh_timeout=0.2)
    targets = ["writer", "writer", "reader", "custom", *cluster.instances]
    held = [connect(cluster.dsn(target)) for target in targets]
    pids = [run(connection, "SELECT pg_backend_pid()") for connection in held]
    write(held[0])

    for connection in held:
        connection.rollback()
        run(connection, "SET TRANSACTION READ ONLY")
        assert sqlstate(refused_write(connection)) == READ_ONLY
    write(held[1])

    assert [run(connection, "SELECT pg_backend_pid()") for connection in held] == pids
    assert agent.exported.metric("aurora.connection.invalidations") == 0
    assert agent.exported.spans("failover") == []
    assert agent.tracked() == len(held)
    for connection in held:
        connection.close()
