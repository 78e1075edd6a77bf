"""What the drivers of the MySQL family can do goes on working, and is watched for symptoms.

What only one of them has is in the file of its name.
"""

from __future__ import annotations

import gc

import pytest

import aurora_otel
from aurora_otel.lab.filters import SilenceAfterMySQLLogin
from tests.support.drivers.mysql_features import DRIVERS, MARIADB, MYSQLCLIENT, PYMYSQL
from tests.support.lagging_names import stale_until_a_misroute
from tests.support.links import Transparent, through
from tests.support.mysql import bare, seen, writer_endpoint
from tests.support.sql import attempt
from tests.support.upstream import UPSTREAM
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.filterwarnings("ignore:(kill|shutdown):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Call to deprecated function stored_results"),
    # The driver's own tracing wants to pass the span on.
    pytest.mark.filterwarnings("ignore:This version of the server does not support Query Attr"),
    # Without us, too: an unbuffered result of PyMySQL's that is collected reads on where there is
    # no socket.
    pytest.mark.filterwarnings(
        "ignore:Exception ignored (in.|while calling deallocator) <function (MySQLResult|SSCursor)"
        ":pytest.PytestUnraisableExceptionWarning"
    ),
]
OURS = {"track connection", "refresh topology", "failover", "invalidate connections"}
ON_THE_NETWORK = [
    pytest.param(driver, name, id=f"{driver.id}-{name}")
    for driver in DRIVERS
    for name in sorted(driver.on_the_network)
]
# mariadb's are read past the gateway, in a test of its own.
FETCHES = [
    pytest.param(driver, fetch, id=f"{driver.id}-{fetch}")
    for driver in DRIVERS
    if driver is not MARIADB
    for fetch in driver.fetches
]


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.id)
def driver(request):
    return request.param


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


@pytest.fixture(autouse=True)
def _collected():
    yield
    gc.collect()


def outcome(driver, connection, feature):
    results = []
    error = attempt(lambda: results.append(feature(connection)))
    before = driver.state(connection)
    connection.rollback()
    raised = type(error), error, str(error), getattr(error, "errno", None)
    return seen((results, raised, before, driver.state(connection)))


def test_every_feature_does_what_it_does_without_the_agent(start, cluster, driver):
    plain = driver.with_items(cluster)
    start()
    ours = driver.with_items(cluster)
    for name, feature in driver.features.items():
        if not (UPSTREAM and name in driver.not_beside_upstream):
            assert outcome(driver, ours, feature) == outcome(driver, plain, feature), name
    ends = [seen((driver.ended(cluster, connection),)) for connection in (plain, ours)]
    assert ends[0] == ends[1]
    assert not aurora_otel.snapshot().clusters[0].window_open


@pytest.mark.parametrize(("driver", "name"), ON_THE_NETWORK, indirect=["driver"])
def test_every_feature_shows_a_lost_connection(start, cluster, driver, name):
    agent = start(prune_interval=60)  # so that no round finds it first
    connection = driver.connect(cluster)
    driver.end(cluster, connection)
    error = attempt(lambda: driver.on_the_network[name](connection))
    assert isinstance(error, (driver.module.Error, *driver.lost)) or name in driver.silent
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    eventually(lambda: agent.exported.spans("refresh topology"))
    connection.close()


def exhaust(fetch):
    while fetch():
        pass


@pytest.mark.parametrize(("driver", "fetch"), FETCHES, indirect=["driver"])
def test_rows_that_come_one_by_one_show_a_lost_connection(start, cluster, driver, fetch):
    start(prune_interval=60)
    connection = driver.connect(cluster)
    cursor = driver.streamed(connection)
    driver.end(cluster, connection)
    error = attempt(lambda: exhaust(getattr(cursor, fetch)))
    assert isinstance(error, driver.streamed_lost)
    eventually(lambda: aurora_otel.snapshot().clusters[0].window_open)
    connection.close()


def test_a_misrouted_connection_is_replaced_under_its_object(start, cluster, driver):
    agent = start(writer_endpoints=writer_endpoint(cluster), refresh_timeout=10)
    held = driver.connect(cluster)
    old = cluster.writer
    with stale_until_a_misroute(agent, cluster):
        cluster.failover("switchover")
        connection = driver.connect(cluster)
    found = driver.rows(connection, "SELECT @@aurora_server_id, @@autocommit")
    assert found == [(cluster.writer, 0)]
    assert agent.tracked(cluster.writer) == agent.tracked() == 1
    assert agent.exported.metric("aurora.connection.misroutes", instance_id=old) >= 1
    # Our own connections may go there, too.
    eventually(lambda: cluster.sessions(old) == 0)
    for each in (held, connection):
        each.close()


def test_a_connection_whose_question_is_not_answered_connects_again_as_the_same_object(
    start, cluster, driver
):
    agent = start(identify_timeout=0.2)
    made = through(cluster, SilenceAfterMySQLLogin, Transparent)
    connection = driver.connect(cluster, **driver.quiet)
    assert len(made) == 2
    autocommit = int(driver.quiet.get("autocommit", False))
    assert driver.rows(connection, "SELECT @@autocommit") == [(autocommit,)]
    assert agent.tracked("unknown") == agent.tracked() == 1
    eventually(lambda: cluster.gateway.links("writer") == 1)
    connection.close()


@pytest.mark.parametrize("autocommit", [True, False])
def test_our_own_connection_opens_whatever_the_applications_autocommit_is(
    start, cluster, driver, autocommit
):
    agent = start(prune_interval=60)
    connection = driver.connect(cluster, autocommit=autocommit)
    driver.end(cluster, connection)
    assert attempt(lambda: driver.executed(connection, "SELECT 1")) is not None
    refresh = eventually(lambda: agent.exported.spans("refresh topology"))[-1]
    assert refresh.attributes["aurora.topology.confirmed"]
    connection.close()


def test_what_is_asked_is_text_whatever_the_application_converts(cluster, driver):
    for others in ({}, driver.converting):
        connection = bare(driver.connect(cluster, **others))
        rows = driver.adapter.ask(connection, "SELECT 1, 'x', NULL, 1.5", 5.0)
        assert [list(row) for row in rows] == [["1", "x", None, "1.5"]]
        connection.close()


def test_a_read_of_the_agent_leaves_no_transaction_behind(cluster, driver):
    connection = bare(driver.connect(cluster))
    driver.adapter.ask(connection, "SELECT COUNT(*) FROM writes", 5.0)
    assert driver.rows(connection, "SELECT @@in_transaction") == [(0,)]
    connection.close()


@pytest.mark.parametrize("driver", [PYMYSQL, MYSQLCLIENT], ids=lambda each: each.id, indirect=True)
def test_a_connection_that_dies_of_what_is_asked_is_not_handed_over(cluster, driver):
    connection = driver.connect(cluster)
    driver.end(cluster, connection)
    error = attempt(lambda: driver.adapter.ask(connection, "SELECT 1", 5.0))
    assert isinstance(error, driver.module.Error)
    assert driver.adapter.is_closed(connection)


@pytest.mark.parametrize("driver", [PYMYSQL, MYSQLCLIENT], ids=lambda each: each.id, indirect=True)
def test_what_the_agent_asks_is_never_taken_for_an_answer_to_the_application(
    cluster, driver, interrupt_soon
):
    refused, interrupted = driver.connect(cluster), driver.connect(cluster)
    with pytest.raises(driver.module.OperationalError, match="nonsense"):
        driver.adapter.ask(refused, "SELECT nonsense", 30.0)
    assert driver.rows(refused, "SELECT 'mine'") == [("mine",)]

    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        driver.adapter.ask(interrupted, "SELECT SLEEP(30)", 30.0)
    assert driver.adapter.is_closed(interrupted)
    refused.close()


def test_a_connection_that_the_application_forgot_is_pruned(start, cluster, driver):
    agent = start(writer_endpoints=writer_endpoint(cluster))
    connection = driver.connect(cluster)
    driver.executed(connection, "SELECT 1")
    assert agent.tracked() == 1
    del connection
    gc.collect()
    eventually(lambda: agent.tracked() == 0)
    reason = "garbage_collected"
    assert agent.exported.metric("aurora.connection.prunes", prune_reason=reason) == 1


def test_query_spans_are_one_a_call(start, cluster, driver):
    if UPSTREAM and driver.has_upstream:
        pytest.skip("upstream makes its own")
    agent = start(query_spans="summary")
    connection = driver.with_items(cluster)
    names = ["CREATE"]
    for feature, made in driver.spanned.items():
        driver.features[feature](connection)
        names += made
    spans = [span for span in agent.exported.spans() if span.name not in OURS]
    assert [span.name for span in spans] == names
    if driver is MYSQLCLIENT:
        # Older ones show no database.
        shown = getattr(connection, "database", None)
        assert {span.attributes.get("db.namespace") for span in spans} == {shown}
    else:
        assert {span.attributes["db.namespace"] for span in spans} == {cluster.database}
    connection.close()
