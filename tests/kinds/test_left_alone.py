"""What leads to readers on purpose is left alone through a failover, whatever is done on it."""

from __future__ import annotations

import functools

import pytest

from aurora_otel.drivers.marks import track_of
from aurora_otel.lab import Failover
from tests.kinds.cases import _case, _cluster, _connect, _driver  # noqa: F401 - fixtures
from tests.kinds.conftest import serving
from tests.support.doubts import cast_doubt
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.sql import attempt, write
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"
# The fixture of the lab, and the driver.
CASES = (
    ("plain", "psycopg"),
    ("plain", "pg8000"),
    ("plain_mysql", "pymysql"),
    ("multi_az", "psycopg2"),
    ("multi_az_mysql", "mysql-connector-pure"),
)
# As operators call services that lead to readers.
SERVICES = ("r", "read", "readonly", "repl", "replica", "replicas", "ro", "secondary")


@pytest.fixture
def to_readers(cluster, connect):
    """Opens a connection by each name that means readers."""
    if cluster.kind == "plain":
        names = [f"orders-{service}.db.svc" for service in SERVICES]
        return lambda: [connect("reader", name) for name in names]
    return lambda: [connect("reader") for _ in SERVICES]


def fail_over(cluster, connect, first):
    """Fail over, and have a write on `first` show it; return that, and a new connection."""
    switch = cluster.failover(Failover.SWITCHOVER)
    attempt(functools.partial(write, first))
    fresh = connect()
    write(fresh)
    eventually(lambda: track_of(fresh).cluster.current.detector.changes == 1)
    return switch, fresh


@pytest.mark.parametrize("case", CASES, ids="-".join, indirect=True)
def test_connections_by_names_for_readers_stay_also_on_a_former_writer_and_refused(
    start, cluster, connect, driver, to_readers
):
    agent = start(**driver.settings(cluster))
    first = connect()
    held = to_readers()
    switch, fresh = fail_over(cluster, connect, first)
    # Those names lead to the former writer now, too.
    held += [*to_readers(), *to_readers()]
    assert switch.old_writer in {serving(cluster, each) for each in held}
    sessions = [driver.session(each) for each in held]
    for connection in held:
        attempt(functools.partial(write, connection))
        attempt(connection.rollback)
    for _ in range(3):
        cast_doubt(fresh, cluster.engine)
    assert [driver.session(each) for each in held] == sessions
    assert agent.exported.metric(INVALIDATIONS, endpoint_type="reader") == 0
    for connection in (first, *held, fresh):
        attempt(connection.close)


@pytest.mark.parametrize("case", [("plain", "psycopg"), ("plain", "psycopg2")], indirect=True)
def test_a_connection_that_asks_for_a_standby_stays_on_a_former_writer(
    start, cluster, connect, driver
):
    agent = start()
    first = connect()
    switch, fresh = fail_over(cluster, connect, first)
    old, *others = (
        cluster.plain_address(each)[0] for each in (switch.old_writer, *cluster.readers)
    )
    hosts = {"host": ",".join([old, *others]), "hostaddr": None, "target_session_attrs": "standby"}
    standby = driver.open({**driver.login(cluster), **hosts})
    assert serving(cluster, standby) == switch.old_writer
    session = driver.session(standby)
    for _ in range(3):
        cast_doubt(fresh, cluster.engine)
    assert driver.session(standby) == session
    assert agent.exported.metric(INVALIDATIONS, endpoint_type="other") == 0
    for connection in (first, standby, fresh):
        attempt(connection.close)
