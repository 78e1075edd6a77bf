"""On MySQL nothing is asked but the variables and the table that the lab shows to every user."""

from __future__ import annotations

import pymysql
import pytest

from aurora_otel.lab import Failover
from tests.support.mysql import arguments, writer_endpoint
from tests.support.sql import attempt, run
from tests.support.waiting import eventually

ROLE = "least"


@pytest.fixture
def cluster(mysql_lab):
    mysql_lab.heal()
    password = mysql_lab.password
    mysql_lab.execute(mysql_lab.writer, f"CREATE USER {ROLE} IDENTIFIED BY '{password}'")
    mysql_lab.execute(mysql_lab.writer, f"GRANT INSERT ON app.writes TO {ROLE}")
    yield mysql_lab
    mysql_lab.heal()
    mysql_lab.execute(mysql_lab.writer, f"DROP USER {ROLE}")


def test_a_user_who_may_write_into_one_table_needs_nothing_else(start, cluster):
    agent = start(writer_endpoints=writer_endpoint(cluster), rds_api="off")
    login = {**arguments(cluster), "user": ROLE, "autocommit": True}
    held = [pymysql.connect(**login) for _ in range(2)]
    insert = "INSERT INTO writes (x) VALUES ('least')"
    assert attempt(lambda: run(held[0], insert)) is None
    assert attempt(lambda: run(held[0], "SELECT * FROM writes")) is not None
    assert agent.tracked(cluster.writer) == 2
    switch = cluster.failover(Failover.SWITCHOVER)
    assert attempt(lambda: run(held[0], insert)) is not None
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    assert agent.exported.metric("aurora.failovers") == 1
    for connection in held:
        attempt(connection.close)
