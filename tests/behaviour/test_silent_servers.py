"""A server that falls silent after the login costs IDENTIFY_TIMEOUT once, and no connection."""

from __future__ import annotations

from aurora_otel.lab.filters import SilenceAfterLogin
from tests.support.links import Transparent, through
from tests.support.sql import serving, write
from tests.support.waiting import eventually


def test_a_connection_whose_question_is_not_answered_is_replaced(start, cluster, connect):
    agent = start(identify_timeout=0.2)
    made = through(cluster, SilenceAfterLogin, Transparent)
    connection = connect(cluster.dsn("writer"))
    assert len(made) == 2
    write(connection)
    assert agent.tracked("unknown") == agent.tracked() == 1
    assert agent.told.metric("aurora.connection.opens") == 1
    # The one that was dropped is gone, and nobody leaked it.
    eventually(lambda: cluster.gateway.links("writer") == 1)
    assert agent.told.metric("aurora.connection.prunes") == 0

    # That server is not asked again for a while.
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
