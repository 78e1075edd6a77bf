"""pg8000's sessions: opened as the application opens them, asked without a trace, opened again."""

from __future__ import annotations

import gc
import socket

import pg8000
import pg8000.dbapi
import pg8000.native
import pytest
import sqlalchemy
from opentelemetry.sdk.trace import TracerProvider

from aurora_otel.drivers.pg8000 import Adapter
from aurora_otel.lab import Failover
from aurora_otel.lab.filters import SilenceAfterLogin
from tests.behaviour.pg8000_connections import APIS, arguments, connect, end, executed, session
from tests.support.links import Transparent, through
from tests.support.sql import attempt
from tests.support.tls import Encrypted
from tests.support.waiting import eventually

TEXT = 25  # the type's OID


@pytest.fixture(params=APIS)
def api(request):
    return request.param


class Own(pg8000.dbapi.Connection):
    """An application's own class."""

    def __init__(self, **kwargs):
        self.before = True
        super().__init__(**kwargs)
        self.after = True


def test_the_applications_own_class_is_its_own(agent, cluster):
    own = Own(**arguments(cluster))
    assert (type(own), own.before, own.after, own.autocommit) == (Own, True, True, False)
    assert agent.tracked(cluster.writer) == 1
    own.close()
    assert agent.tracked() == 0


def test_a_connection_whose_question_is_not_answered_connects_again_as_the_same_object(
    start, cluster, api
):
    agent = start(identify_timeout=0.2)
    made = through(cluster, SilenceAfterLogin, Transparent)
    connection = connect(cluster, api)
    assert len(made) == 2
    assert connection.execute_simple("SELECT 1").rows == [[1]]
    assert agent.tracked("unknown") == agent.tracked() == 1
    eventually(lambda: cluster.gateway.links("writer") == 1)
    connection.close()


def test_an_applications_own_socket_is_tracked_and_asked_nothing(agent, cluster):
    host, port = cluster.address(cluster.writer)
    known = connect(cluster)
    own = socket.create_connection((host, port))
    connection = connect(cluster, sock=own, host="tunnel", port=1)
    assert agent.tracked(cluster.writer) == 2
    asked = "SELECT query FROM pg_stat_activity WHERE pid = %s"
    assert cluster.execute(cluster.writer, asked, session(connection)) == [("",)]
    connection.close()
    known.close()


def test_converters_of_the_application_do_not_see_what_the_agent_asks(cluster):
    connection = connect(cluster)
    connection.register_in_adapter(TEXT, lambda _: 1 / 0)
    driver = Adapter()
    rows = [["x", None]]
    assert driver.ask(connection, "SELECT 'x'::text, NULL::text", 5.0) == rows
    assert session(connection) == driver.ask(connection, "SELECT pg_backend_pid()::text", 5)[0][0]
    connection.close()


def test_what_the_agent_asks_is_never_taken_for_an_answer_to_the_application(
    cluster, interrupt_soon
):
    driver = Adapter()
    refused, interrupted = connect(cluster), connect(cluster)
    with pytest.raises(pg8000.dbapi.DatabaseError):
        driver.ask(refused, "SELECT nonsense", 30.0)
    assert refused.execute_simple("SELECT 'mine'").rows == [["mine"]]

    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        driver.ask(interrupted, "SELECT pg_sleep(30)", 30.0)
    with pytest.raises(pg8000.dbapi.InterfaceError):
        interrupted.execute_simple("SELECT 'mine'")
    refused.close()


def test_our_own_connection_uses_the_applications_tls(start, cluster, tmp_path):
    proxy = Encrypted(cluster.address(cluster.writer), tmp_path)
    with proxy.running():
        host, port = proxy.address
        # Only there can the topology be read.
        agent = start(instance_endpoints=f"{cluster.writer}={host}:{port}", prune_interval=60)
        connection = connect(cluster, host=host, port=port, ssl_context=proxy.trust)
        assert agent.tracked(cluster.writer) == 1
        end(cluster, connection)
        assert attempt(lambda: executed(connection, "SELECT 1")) is not None
        refresh = agent.exported.spans("refresh topology")[-1]
        assert refresh.attributes["aurora.topology.confirmed"]
        assert proxy.handshakes > 1
        attempt(connection.close)


@pytest.fixture
def engine(cluster):
    """SQLAlchemy's, with its own way of using pg8000."""
    made = sqlalchemy.create_engine(
        "postgresql+pg8000://", creator=lambda: connect(cluster, "legacy"), pool_pre_ping=True
    )
    yield made
    made.dispose()


def test_sqlalchemys_pool_writes_to_the_new_writer(agent, cluster, engine):
    def write() -> None:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("INSERT INTO writes (x) VALUES ('pg8000')"))

    write()
    switch = cluster.failover(Failover.SWITCHOVER)
    assert attempt(write) is not None
    write()
    assert agent.tracked(switch.old_writer) == 0
    assert agent.tracked(switch.new_writer) == 1


@pytest.mark.filterwarnings("ignore:.*garbage collector is trying to clean up")
def test_a_rollback_in_a_weakref_callback_waits_for_nothing(start, cluster, engine):
    agent = start(prune_interval=60)
    connection = engine.connect()
    connection.execute(sqlalchemy.text("SELECT 1"))
    end(cluster, connection.connection.dbapi_connection)
    before = len(agent.exported.spans("refresh topology"))
    request = TracerProvider().get_tracer("application").start_as_current_span("request")
    gc.disable()
    try:
        with request, agent.internals.tracker.settled():
            del connection
            gc.collect()
    finally:
        gc.enable()
    # It is the loop that refreshes, and no part of the request.
    eventually(lambda: len(agent.exported.spans("refresh topology")) > before)
    assert agent.exported.spans("refresh topology")[before].parent is None
