"""A server that is slow or silent after the login costs a little time, and no connection."""

from __future__ import annotations

import contextlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import psycopg2
import pytest

from aurora_otel.lab import Failover
from aurora_otel.lab.filters import SilenceAfterLogin
from tests.support.functions import replaced
from tests.support.links import Transparent, through
from tests.support.sql import attempt, run, serving, write
from tests.support.waiting import eventually

LIMIT = 4


@pytest.fixture
def slow_answers(cluster):
    """Each instance takes a second to identify itself, and holds the session for that long."""
    with replaced(cluster, "aurora_replica_status", before="PERFORM pg_catalog.pg_sleep(1);"):
        yield


@pytest.fixture
def limited(cluster):
    """The application's role may have this number of sessions, and no more."""
    cluster.execute(cluster.writer, f"ALTER ROLE app CONNECTION LIMIT {LIMIT}")
    yield
    cluster.execute(cluster.writer, "ALTER ROLE app CONNECTION LIMIT -1")


def test_a_slow_answer_costs_none_of_the_connections_that_a_role_may_have(
    start, cluster, connect, slow_answers, limited
):
    agent = start(identify_timeout=0.2)
    with ThreadPoolExecutor(LIMIT) as threads:
        held = list(threads.map(lambda _: connect(cluster.dsn("writer")), range(LIMIT)))
    for connection in held:
        write(connection)
    assert agent.exported.metric("aurora.connection.opens") == agent.tracked() == LIMIT
    for connection in held:
        connection.close()


def test_a_connection_whose_answer_is_late_is_the_one_that_the_application_gets(
    start, cluster, connect, slow_answers
):
    start(identify_timeout=0.2)
    made = through(cluster, Transparent, Transparent)
    connection = connect(cluster.dsn("writer"))
    assert len(made) == 1
    assert serving(connection) == cluster.writer
    write(connection)
    assert run(connection, "SELECT count(*) FROM pg_prepared_statements") == [(0,)]
    connection.close()


def test_a_connection_whose_question_is_not_answered_at_all_is_given_up(
    start, cluster, connect, driver
):
    if driver == "psycopg":
        pytest.skip("leaves the answer for the connection's first call")
    agent = start(identify_timeout=0.1)
    made = through(cluster, SilenceAfterLogin, Transparent)
    connection = connect(cluster.dsn("writer"))
    assert len(made) == 2
    write(connection)
    assert agent.tracked("unknown") == agent.tracked() == 1
    assert agent.exported.metric("aurora.connection.opens") == 1
    # The one that was dropped is gone and not leaked.
    eventually(lambda: cluster.gateway.links("writer") == 1)
    assert agent.exported.metric("aurora.connection.prunes") == 0

    # That server is not asked again for a moment.
    other = connect(cluster.dsn("writer"))
    assert len(made) == 3
    assert serving(other) == cluster.writer
    assert agent.tracked("unknown") == 2
    connection.close()
    other.close()


def test_a_server_that_stays_silent_lets_the_application_connect(start, cluster, connect):
    agent = start(identify_timeout=0.2)
    cluster.gateway.silence_after_login("writer")
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    assert [bool(connection.closed) for connection in held] == [False] * 3
    assert agent.tracked("unknown") == 3
    eventually(lambda: cluster.gateway.links("writer") == 3)
    for connection in held:
        connection.close()
    assert agent.tracked() == 0


def test_other_endpoints_of_a_silent_one_are_asked(start, cluster, connect):
    agent = start(identify_timeout=0.2)
    cluster.gateway.silence_after_login("writer")
    silent = connect(cluster.dsn("writer"))
    reader = connect(cluster.dsn("reader"))
    assert agent.tracked(serving(reader)) == 1
    silent.close()
    reader.close()


def test_connections_that_were_opened_meanwhile_are_identified_by_their_next_call(
    start, cluster, connect
):
    agent = start(identify_timeout=0.2)
    through(cluster, SilenceAfterLogin, Transparent)
    silent = connect(cluster.dsn("writer"))
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    assert agent.tracked("unknown") == 4

    # A connection in use is not asked before a new one was answered in time.
    def answered():
        with contextlib.closing(connect(cluster.dsn("writer"))):
            return agent.tracked(cluster.writer)

    eventually(lambda: answered() == 1)
    for connection in held:
        write(connection)
    assert agent.tracked(cluster.writer) == 3

    # So the next failover finds them.
    cluster.failover(Failover.SWITCHOVER)
    with pytest.raises(Exception, match="read-only"):
        run(held[0], "INSERT INTO writes (x) VALUES ('x')")
    assert agent.exported.metric("aurora.connection.invalidations") == 3
    for connection in (silent, *held):
        connection.close()
    eventually(lambda: agent.tracked() == 0)


def test_a_connection_of_unknown_instance_that_is_alone_is_identified_once_its_server_is_quick(
    start, cluster
):
    agent = start(identify_timeout=0.2)
    with replaced(cluster, "aurora_replica_status", before="PERFORM pg_catalog.pg_sleep(4);"):
        held = psycopg2.connect(cluster.dsn("writer"))
    held.autocommit = True
    assert agent.tracked() == agent.tracked("unknown") == 1
    # Its driver cannot leave an answer for later, and no other connection is opened.
    cluster.failover(Failover.SWITCHOVER)

    def is_invalidated():
        assert attempt(lambda: run(held, "INSERT INTO writes (x) VALUES ('x')"))
        return agent.exported.metric("aurora.connection.invalidations") == 1

    eventually(is_invalidated)
    held.close()


@pytest.fixture
def interrupt():
    """Have a handler of the application's raise KeyboardInterrupt after so many seconds."""

    def handle(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handle)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_call_that_is_interrupted_before_it_began_is_not_made(start, cluster, interrupt):
    agent = start(identify_timeout=0.2)
    delay = "PERFORM pg_catalog.pg_sleep(3);"
    connection = psycopg.connect(cluster.dsn("writer"), autocommit=True)
    with replaced(cluster, "aurora_replica_status", before=delay):
        late = psycopg.connect(cluster.dsn("writer"), autocommit=True)
        run(late, "SELECT 1")
        # Its server may be asked again by then: the call that asks has to wait for the answer.
        time.sleep(2)
        interrupt(1)
        with pytest.raises(KeyboardInterrupt):
            run(late, "INSERT INTO writes (x) VALUES ('interrupted')")
    assert run(connection, "SELECT count(*) FROM writes WHERE x = 'interrupted'") == [(0,)]
    assert run(late, "SELECT 42") == [(42,)]
    assert agent.tracked() == 2
    for each in (connection, late):
        each.close()
