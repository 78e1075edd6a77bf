"""A driver's file that no longer fits the driver costs our view of a connection, and no connection.

A new version of a driver may drop whatever private attribute a file reads.
"""

from __future__ import annotations

import pytest

from aurora_otel.drivers import REGISTRY
from aurora_otel.drivers.common import libmariadb
from aurora_otel.drivers.dbapi import Adapter as DbapiAdapter
from aurora_otel.drivers.mariadb import session as mariadb_session
from aurora_otel.drivers.mysql_connector import monitor as mysql_connector_monitor
from aurora_otel.drivers.pg8000 import session as pg8000_session
from aurora_otel.drivers.pymysql import session as pymysql_session
from aurora_otel.instrumentor import running_agent
from tests.support.sql import attempt, run

ASKED = (
    "accepts_questions",
    "address",
    "ask",
    "backend_id",
    "fileno",
    "is_closed",
    "is_idle",
    "mark",
    "password",
)
# What else a file asks of its driver.
INNER = {
    "mariadb": [
        (libmariadb, "opening"),
        (mariadb_session, "note_session"),
        (mariadb_session, "is_another_session"),
    ],
    "mysql-connector": [(mysql_connector_monitor, "login_of")],
    "mysqlclient": [(libmariadb, "opening")],
    "pg8000": [(pg8000_session, "arguments_of")],
    "pymysql": [(pymysql_session, "settings_of")],
}


def questions(driver):
    known = (type(each.load()) for each in REGISTRY if each.name == driver.name)
    adapter = next(known, DbapiAdapter)
    return [*((adapter, name) for name in ASKED), *INNER.get(driver.name, ())]


def dropped(*_, **__):
    raise AttributeError("a private attribute that is no longer there")


@pytest.fixture
def failures(agent):
    """Counts the agent's own failures; afterwards none is left for the fixture to complain of."""
    counted = running_agent().shield.failures
    yield counted
    counted.clear()


def test_the_application_does_not_notice(failures, connect, driver, monkeypatch):
    for owner, name in questions(driver):
        with monkeypatch.context() as broken:
            broken.setattr(owner, name, dropped)
            connection = connect()
            assert driver.serving(connection), name
            error = attempt(lambda c=connection: run(c, "SELECT nothing_like_this"))
            assert isinstance(error, driver.errors), name
            connection.close()
    assert failures
