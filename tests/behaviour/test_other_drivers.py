"""A driver that is added to aurora-otel by one call, and the proxies that it gets."""

from __future__ import annotations

import socket
import types

import pg8000.dbapi
import pgdb
import psycopg2
import pymysql
import pytest
from opentelemetry.instrumentation.dbapi import trace_integration, unwrap_connect
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import aurora_otel
from aurora_otel import AuroraInstrumentor
from aurora_otel.instrumentor import running_agent
from tests.behaviour.pgdb_connections import add, connect, end, executed
from tests.drivers.stand_ins import pg8000 as unknown_pg8000
from tests.support.pgbouncer import pgbouncer
from tests.support.sql import attempt
from tests.support.waiting import eventually

OURS = {"track connection", "refresh topology", "failover", "invalidate connections"}
PLAIN = pgdb.connect


@pytest.fixture(autouse=True)
def _added():
    """Each test begins with the same driver added, whatever the one before has added."""
    add(name="pgdb")


# What can be passed.


@pytest.mark.parametrize(
    ("argument", "value", "kind", "allowed"),
    [
        ("module", object(), TypeError, "a module with PEP 249's connect and Error"),
        ("module", types, TypeError, "a module with PEP 249's connect and Error"),
        ("system", "oracle", ValueError, "'postgresql' or 'mysql'"),
        ("system", 5, TypeError, "a string"),
        ("system", None, TypeError, "a string"),
        ("fileno", 7, TypeError, "a function of a connection"),
        ("fileno", None, TypeError, "a function of a connection"),
        ("error_code", "sqlstate", TypeError, "a function of an exception"),
        ("backend_id", 0, TypeError, "a function of a connection"),
        ("name", "No Name", ValueError, "up to 64 of a-z, 0-9, '.', '_' and '-'"),
        ("name", "x" * 65, ValueError, "up to 64"),
        ("name", b"x", TypeError, "a string"),
        ("host", "", ValueError, "the name of an argument of connect"),
        ("port", 5432, TypeError, "a string"),
        ("connect_timeout", 5, TypeError, "a string"),
        ("connect_timeout", "5 s", ValueError, "the name of an argument of connect"),
    ],
)
def test_a_bad_argument_is_an_error_that_says_what_is_allowed(argument, value, kind, allowed):
    arguments = {"module": pgdb, "system": "postgresql", argument: value}
    with pytest.raises(kind) as raised:
        aurora_otel.instrument_dbapi(**arguments)
    assert str(raised.value).startswith(f"{argument}={value!r} is not valid: allowed is {allowed}")


@pytest.mark.parametrize("module", [pg8000, pg8000.dbapi, psycopg2, pymysql])
def test_a_driver_that_is_known_is_an_error_that_says_so(module):
    known = module.__name__.partition(".")[0]
    with pytest.raises(ValueError, match=f"by itself, as driver '{known}'"):
        aurora_otel.instrument_dbapi(module, system="postgresql")


@pytest.mark.parametrize("name", ["psycopg", "sqlalchemy"])
def test_the_name_of_another_is_an_error(name):
    with pytest.raises(ValueError, match=f"name='{name}' is not valid: it is another"):
        add(name=name)
    with pytest.raises(ValueError, match="name='pgdb' is not valid: it is another"):
        aurora_otel.instrument_dbapi(unknown_pg8000, system="postgresql", name="pgdb")


# When it is added.


def test_it_can_be_added_before_and_after_the_agent_starts(start, cluster):
    agent = start(drivers="psycopg")  # which chooses among those that are known
    before = connect(cluster)
    add(name="added-again")
    after = connect(cluster)
    (known,) = aurora_otel.snapshot().clusters
    (writer,) = [each for each in known.instances if each.connections]
    assert (writer.id, writer.connections) == (cluster.writer, {"pgdb": 1, "added-again": 1})
    before.close()
    after.close()
    assert agent.tracked() == 0


def test_saying_it_twice_does_no_harm(agent, cluster):
    for _ in range(2):
        add(name="pgdb")
    connection = connect(cluster)
    assert type(connection.__wrapped__) is pgdb.Connection
    assert agent.tracked() == agent.exported.metric("aurora.connection.opens") == 1
    connection.close()


def test_it_is_taken_back_and_applied_again_with_all_the_others(start, cluster):
    assert pgdb.connect is PLAIN
    start()
    assert pgdb.connect is not PLAIN
    held = connect(cluster)
    AuroraInstrumentor().uninstrument()
    assert pgdb.connect is PLAIN
    assert held.cursor().execute("SELECT 1").fetchone() == (1,)
    held.close()
    agent = start()
    again = connect(cluster)
    assert agent.tracked() == 1
    again.close()


def test_a_socket_that_cannot_be_found_leaves_the_application_alone(agent, cluster):
    add(fileno=lambda connection: connection.no_such_thing)
    connection = connect(cluster)
    assert connection.cursor().execute("SELECT 1").fetchone() == (1,)
    connection.close()
    assert agent.tracked() == 0
    failures = running_agent().shield.failures
    assert list(failures) == ["identify a connection: AttributeError"]
    failures.clear()  # else the fixture complains


# What it finds.


def test_a_pooler_is_noticed_where_the_sessions_number_is_known(start, cluster):
    agent = start()
    with pgbouncer(cluster) as pooler:
        connection = connect(cluster, host="127.0.0.1", port=pooler.port)
        assert agent.tracked("unknown") == agent.tracked() == 1
        connection.close()


@pytest.mark.parametrize("way", ["host:port", "dsn"])
def test_what_the_arguments_hide_is_read_off_the_socket(agent, cluster, way):
    host, port = cluster.address("writer")
    if way == "host:port":
        connection = connect(cluster, host=f"{host}:{port}", port=None)
    else:
        words = (f"host={host} port={port} dbname={cluster.database}", cluster.user)
        connection = pgdb.connect(f"::{words[1]}:{cluster.password}", database=words[0])
    (span,) = agent.exported.spans("track connection")
    assert (span.attributes["server.address"], span.attributes["server.port"]) == (host, port)
    assert agent.tracked(cluster.writer) == 1
    connection.close()


def test_positional_arguments_are_understood(agent, cluster):
    host, port = cluster.address("writer")
    connection = pgdb.connect(
        None, cluster.user, cluster.password, host, cluster.database, port=port
    )
    (span,) = agent.exported.spans("track connection")
    assert (span.attributes["server.address"], span.attributes["server.port"]) == (host, port)
    end(cluster, connection)
    assert attempt(lambda: executed(connection, "SELECT 1")) is not None
    refresh = eventually(lambda: agent.exported.spans("refresh topology"))[-1]
    assert refresh.attributes["aurora.topology.confirmed"]
    attempt(connection.close)


def test_a_new_connection_is_in_no_transaction(agent, cluster):
    connection = connect(cluster)
    assert agent.tracked(cluster.writer) == 1
    assert (connection._tnx, connection._cnx.transaction()) == (False, 0)
    connection.close()


def test_a_driver_without_a_time_out_delays_no_call(start, cluster):
    # A connection is neither accepted nor refused here.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        endpoints = ",".join(f"{instance}={host}:{port}" for instance in cluster.instances)
        agent = start(instance_endpoints=endpoints, refresh_timeout=0.2)
        connection = connect(cluster)
        assert agent.tracked(cluster.writer) == 1
        end(cluster, connection)
        assert isinstance(attempt(lambda: executed(connection, "SELECT 1")), pgdb.Error)
        other = connect(cluster)
        assert executed(other, "SELECT 1") == (1, [(1,)])
        other.close()
        AuroraInstrumentor().uninstrument()
        attempt(connection.close)


# Beside other instrumentations of `connect`.


class Upstream:
    """OpenTelemetry's own DB-API instrumentation of it."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self._provider = TracerProvider()
        self._provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def load(self) -> None:
        trace_integration(pgdb, "connect", "postgresql", tracer_provider=self._provider)

    def unload(self) -> None:
        unwrap_connect(pgdb, "connect")


ORDERS = [
    ("load", "instrument", "unload", "uninstrument"),
    ("load", "instrument", "uninstrument", "unload"),
    ("instrument", "load", "unload", "uninstrument"),
    ("instrument", "load", "uninstrument", "unload"),
]


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_beside_another_instrumentation_each_does_its_job(start, cluster, order):
    upstream = Upstream()
    agents = []
    steps = {
        "load": upstream.load,
        "unload": upstream.unload,
        "instrument": lambda: agents.append(start()),
        "uninstrument": lambda: AuroraInstrumentor().uninstrument(),
    }
    for step in order[:2]:
        steps[step]()
    connection = connect(cluster)
    executed(connection, "SELECT 1")
    (span,) = upstream.exporter.get_finished_spans()
    assert span.attributes["aurora.instance.id"] == cluster.writer
    assert agents[0].tracked() == 1
    connection.close()
    assert agents[0].tracked() == 0

    upstream.exporter.clear()
    steps[order[2]]()
    connection = connect(cluster)
    executed(connection, "SELECT 1")
    is_ours = order[2] == "unload"
    assert aurora_otel.snapshot().active == is_ours
    assert len(upstream.exporter.get_finished_spans()) == (not is_ours)
    assert not is_ours or agents[0].tracked() == 1
    connection.close()

    steps[order[3]]()
    assert pgdb.connect is PLAIN
