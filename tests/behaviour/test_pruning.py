"""What the background loop drops: leaked, closed behind our back, hung up by the server."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from types import SimpleNamespace

import psycopg2.extensions
import pymysql
import pytest

from aurora_otel import AuroraInstrumentor
from aurora_otel.drivers.marks import track_of
from aurora_otel.lab import Failover
from aurora_otel.model.pace import LoginPace
from aurora_otel.monitoring.monitor import ClusterMonitor
from aurora_otel.monitoring.paces import MASS
from tests.support.hang_ups import await_hang_up
from tests.support.mysql import arguments, end
from tests.support.sql import pid
from tests.support.threads import BACKGROUND, threads
from tests.support.waiting import eventually


def pruned(agent, reason: str) -> float:
    return agent.exported.metric("aurora.connection.prunes", prune_reason=reason)


def close_behind_our_back(driver: str, connection) -> None:
    if driver == "psycopg":
        connection.pgconn.finish()
    else:
        psycopg2.extensions.connection.close(connection)


def loop() -> threading.Thread | None:
    return next(iter(threads(BACKGROUND)), None)


def test_a_connection_closed_behind_our_back_is_counted_as_closed(agent, cluster, connect, driver):
    connection = connect(cluster.dsn("writer"))
    close_behind_our_back(driver, connection)
    eventually(lambda: pruned(agent, "closed") == 1)
    assert agent.tracked() == 0
    connection.close()
    assert agent.exported.metric("aurora.connection.closes") == 0


def test_a_close_that_is_under_way_is_no_close_behind_our_back(
    start, cluster, connect, driver, monkeypatch
):
    agent = start(prune_interval=600)
    connection = connect(cluster.dsn("writer"))

    def the_owner_comes_to_the_end_of_its_close(_: float) -> None:
        agent.internals.hooks.closed(track_of(connection))

    moment = SimpleNamespace(sleep=the_owner_comes_to_the_end_of_its_close, time_ns=time.time_ns)
    monkeypatch.setattr("aurora_otel.hooks.rounds.time", moment)
    close_behind_our_back(driver, connection)
    AuroraInstrumentor().instrument(prune_interval=0.01)
    eventually(lambda: agent.tracked() == 0)
    AuroraInstrumentor().instrument(prune_interval=600)
    books = agent.internals.tracker.books.values()
    assert [(book.closes, sum(book.prunes.values())) for book in books] == [(1, 0)]


def test_a_connection_that_the_server_hung_up_while_idle_is_pruned(agent, cluster, connect):
    held = [connect(cluster.dsn(target)) for target in ("writer", cluster.writer, "reader")]
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int)", pid(held[0]))
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int)", pid(held[1]))

    eventually(lambda: pruned(agent, "hung_up") == 2)
    assert agent.tracked() == 1
    # The driver has not noticed, and was not disturbed: its own next use will.
    assert [bool(connection.closed) for connection in held] == [False, False, False]
    for connection in held:
        connection.close()


def test_what_was_closed_behind_our_back_is_none_that_the_server_ended(
    start, cluster, connect, driver, monkeypatch
):
    start(prune_interval=600)
    ended, other = (connect(cluster.dsn("writer")) for _ in range(2))
    track, lost = track_of(ended), []
    monkeypatch.setattr(ClusterMonitor, "lost", lambda _, tracks: lost.extend(tracks))
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int)", pid(ended))
    await_hang_up(ended)
    close_behind_our_back(driver, other)
    AuroraInstrumentor().instrument(prune_interval=0.01)
    eventually(lambda: lost)
    assert lost == [track]
    ended.close()


def test_connections_that_a_server_ends_at_once_are_a_mass_loss(
    start, cluster, connect, monkeypatch
):
    doubts, doubt = [], LoginPace.doubt

    def note(pace, now, *, is_mass, processes):
        if not pace.goes_on(now):
            doubts.append((is_mass, processes))
        doubt(pace, now, is_mass=is_mass, processes=processes)

    monkeypatch.setattr(LoginPace, "doubt", note)
    start(prune_interval=600)
    held = [connect(cluster.dsn("writer")) for _ in range(MASS)]
    ((limit,),) = cluster.execute(cluster.writer, "SHOW max_connections")
    cluster.failover(Failover.CRASH)
    AuroraInstrumentor().instrument(prune_interval=0.01)
    eventually(lambda: doubts)
    assert doubts[0] == (True, int(limit) / MASS)
    for connection in held:
        connection.close()


def test_a_connection_that_its_owner_is_closing_is_not_one_that_the_server_hung_up(
    start, mysql_lab, monkeypatch
):
    mysql_lab.heal()
    places = mysql_lab.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"]
    agent = start(instance_endpoints=places, prune_interval=0.01)
    closing, other = (pymysql.connect(**arguments(mysql_lab)) for _ in range(2))
    let_go = closing._force_close

    def rounds_pass_before_the_socket_is_closed() -> None:
        end(mysql_lab, other)
        eventually(lambda: pruned(agent, "hung_up") >= 1)
        let_go()

    # By then the driver has sent its goodbye, and the server has closed the connection.
    monkeypatch.setattr(closing, "_force_close", rounds_pass_before_the_socket_is_closed)
    closing.close()
    assert pruned(agent, "hung_up") == 1
    assert pruned(agent, "closed") == 0
    assert agent.exported.metric("aurora.connection.closes") == 1
    other._force_close()


# pytest reports any thread's end by an exception; the interpreter is silent about SystemExit.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_loop_that_was_killed_comes_back_with_the_next_connection(agent, cluster, connect):
    first = connect(cluster.dsn("writer"))
    victim = eventually(loop)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(victim.ident), ctypes.py_object(SystemExit)
    )
    victim.join(15)
    assert loop() is None

    connect(cluster.dsn("writer"))
    gc.collect()
    eventually(lambda: pruned(agent, "garbage_collected") == 1)
    assert loop() is not victim
    first.close()


def test_a_round_without_anything_to_drop_is_silent(start, cluster, connect):
    agent = start(prune_interval=0.01)
    held = connect(cluster.dsn("writer"))
    for leaks in (1, 2):
        connect(cluster.dsn("writer"))
        gc.collect()
        eventually(lambda leaks=leaks: len(agent.exported.spans("prune connections")) >= leaks)
        # Each span is of a round that dropped something; many rounds have passed without.
        spans = agent.exported.spans("prune connections")
        assert [span.attributes["aurora.prunes.garbage_collected"] for span in spans] == [1] * leaks
    held.close()
