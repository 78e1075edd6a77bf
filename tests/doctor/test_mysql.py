"""The doctor on MySQL."""

from __future__ import annotations

import pytest

from tests.doctor.conftest import CANARY


@pytest.fixture
def mysql(mysql_lab):
    """A healthy cluster, and where its writer endpoint is."""
    mysql_lab.heal()
    return mysql_lab


def dsn(cluster, *, driver=None, **params):
    text = cluster.dsn("writer", host=cluster.address("writer")[0], **params)
    return text.replace("mysql://", f"mysql+{driver}://") if driver else text


DRIVERS = [None, "mysqlconnector", "aiomysql", "asyncmy", "mysqlconnectoraio"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_healthy_cluster_has_nothing_to_complain_of(doctor, mysql, driver):
    listed = {"AURORA_OTEL_WRITER_ENDPOINTS": mysql.address("writer")[0], **mysql.environment()}
    # Where a server speaks no TLS, this one connects with this option alone.
    options = {"ssl_disabled": "true"} if driver == "mysqlconnectoraio" else {}
    text = dsn(mysql, driver=driver, connect_timeout=5, **options)
    found = doctor.examine("--dsn", text, **listed)
    assert found.worse() == set()
    assert f"{mysql.writer} is the writer" in found.of("topology.refresh")[0]["what"]
    assert mysql.password not in found.output


def test_a_wrong_password_is_a_failure_that_does_not_show_it(doctor, mysql):
    wrong = dsn(mysql, connect_timeout=5).replace(mysql.password, CANARY)
    found = doctor.examine("--dsn", wrong)
    assert found.worse() == {"login"}
    assert "user or password" in found.of("login")[0]["what"]


def test_a_server_that_does_not_answer_is_a_failure(doctor, mysql):
    mysql.gateway.hang("writer")
    try:
        found = doctor.examine("--dsn", dsn(mysql, connect_timeout=2))
    finally:
        mysql.gateway.restore()
    assert found.worse() == {"login"}
    assert "no answer in time" in found.of("login")[0]["what"]
