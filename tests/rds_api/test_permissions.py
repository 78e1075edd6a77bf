"""What docs/permissions.md asks for is enough, and the least."""

from __future__ import annotations

import json
import logging
import re
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from aurora_otel.lab import Failover
from tests.support.functions import tampered
from tests.support.rds_api import Endpoint
from tests.support.sql import refused_write, serving, write
from tests.support.waiting import eventually

TEXT = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text()
POLICY = json.loads(re.findall(r"```json\n(.+?)```", TEXT, re.DOTALL)[0])
ACTIONS = [action for statement in POLICY["Statement"] for action in statement["Action"]]
GRANTS = re.findall(r"^GRANT EXECUTE .+;$", TEXT, re.MULTILINE)
FUNCTIONS = [re.findall(r"pg_catalog\.(\w+)\(\)", grant)[0] for grant in GRANTS]
PRIVATE = "db.example.com"


def denied(caplog):
    messages = (record.getMessage() for record in caplog.records if record.name == "aurora_otel")
    return {message.split()[7] for message in messages if "AccessDenied" in message}


@pytest.mark.parametrize("missing", [None, *ACTIONS])
def test_the_policy_is_enough_and_each_action_that_is_missing_is_named(
    start, muted, plane, caplog, missing
):
    cluster = muted
    cluster.dns_lag = 600
    caplog.set_level(logging.WARNING, logger="aurora_otel")
    plane.does.allowed = set(ACTIONS) - {missing}
    plane.does.endpoints = [Endpoint("lab-custom", cluster.host("custom"), cluster.custom)]
    agent = start(rds_api="on", writer_endpoints=PRIVATE, refresh_interval=0.05)
    connection = psycopg.connect(cluster.dsn("writer", host=PRIVATE))
    write(connection)
    switch = cluster.failover(Failover.SWITCHOVER)
    plane.fail_over(cluster, switch.new_writer)
    plane.emit(f"Completed failover to DB instance: {switch.new_writer}")
    assert refused_write(connection) is not None
    if missing in ("rds:DescribeDBClusters", "rds:DescribeDBInstances"):
        eventually(lambda: denied(caplog) == {missing})
        assert agent.tracked(switch.old_writer) == 1
    else:
        eventually(lambda: agent.tracked(switch.old_writer) == 0)
        if missing == "rds:DescribeEvents":
            eventually(lambda: denied(caplog))
        else:
            eventually(lambda: agent.exported.metric("aurora.failover.events") == 1)
        assert denied(caplog) == ({missing} if missing else set())
    connection.close()


@pytest.fixture
def restricted(cluster):
    """A role that may write into the application's table, and nothing else; functions are shut."""
    shut = "REVOKE EXECUTE ON FUNCTION pg_catalog.{0}() FROM PUBLIC".format
    role = "least"
    with ExitStack() as stack:
        for function in FUNCTIONS:
            stack.enter_context(tampered(cluster, function, shut(function)))
        for statement in (
            f"CREATE ROLE {role} LOGIN PASSWORD '{cluster.password}'",
            f"GRANT INSERT ON writes TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        ):
            cluster.execute(cluster.writer, statement)
        try:
            yield role
        finally:
            cluster.heal()
            cluster.execute(cluster.writer, f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize("missing", [None, *FUNCTIONS])
def test_the_grants_are_enough_and_each_is_needed(start, cluster, restricted, missing):
    for grant, function in zip(GRANTS, FUNCTIONS, strict=True):
        if function != missing:
            cluster.execute(cluster.writer, grant.replace("TO app", f"TO {restricted}"))
    agent = start(rds_api="off")

    def connect():
        return psycopg.connect(cluster.dsn("writer", user=restricted), autocommit=True)

    def insert(connection):
        connection.execute("INSERT INTO writes (x) VALUES ('least')")

    connection = connect()
    insert(connection)
    old = cluster.writer
    assert agent.tracked(old) == (missing != FUNCTIONS[0])
    cluster.dns_lag = 600
    cluster.failover(Failover.SWITCHOVER)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        insert(connection)
    assert agent.exported.metric("aurora.failovers") == (missing is None)
    if missing is None:
        eventually(lambda: cluster.sessions(old) == 0)
    else:
        assert serving(connection) == old
    connection.close()
