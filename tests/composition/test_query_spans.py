"""Beside upstream's instrumentations: every call has the query spans that it has without us."""

import pytest
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor

from tests.composition.calls import CALLS
from tests.support.query_spans import OURS, described


@pytest.fixture
def without_us(queries, cluster, driver):
    """The query spans of all calls with upstream's instrumentation alone."""
    queries.load()
    CALLS[driver](cluster.dsn("writer"))
    queries.unload()
    return [described(span) for span in queries.take()]


def test_every_call_has_the_query_spans_that_it_has_without_us(without_us, pair, cluster, driver):
    assert len(without_us) > 10
    CALLS[driver](cluster.dsn("writer"))
    assert [described(span) for span in pair.queries.take()] == without_us


@pytest.mark.parametrize(("target", "role"), [("writer", "writer"), ("reader", "reader")])
def test_each_query_span_has_instance_and_role_of_its_connection(
    pair, cluster, connect, target, role
):
    with connect(cluster.dsn(target)) as first, connect(cluster.dsn(target)) as second:
        for connection in (first, second):
            cursor = connection.cursor()
            cursor.execute("SELECT current_setting('cluster_name')")
            ((instance,),) = cursor.fetchall()
            (span,) = pair.queries.take()
            assert [span.attributes[key] for key in OURS] == [instance, role]
    first.close()
    second.close()


def test_each_query_span_of_every_kind_of_call_has_instance_and_role(pair, cluster, driver):
    CALLS[driver](cluster.dsn("writer"))
    for span in pair.queries.take():
        assert [span.attributes.get(key) for key in OURS] == [cluster.writer, "writer"], span.name


def test_no_other_span_is_touched(pair, cluster, driver):
    tracer = pair.queries.tracers.get_tracer("the.application")
    with tracer.start_as_current_span("request"):
        CALLS[driver](cluster.dsn("writer"))
    (request,) = [span for span in pair.queries.take() if span.name == "request"]
    assert not request.attributes


def test_what_we_ask_ourselves_has_no_query_span(pair, cluster, connect):
    # Identification through the writer endpoint, and a refresh after a symptom.
    connection = connect(cluster.dsn("writer"))
    assert pair.queries.take() == ()
    cursor = connection.cursor()
    cursor.execute("SET default_transaction_read_only = on")
    connection.commit()
    with pytest.raises(Exception, match="read-only"):
        connection.cursor().execute("INSERT INTO writes (x) VALUES ('x')")
    assert [span.name for span in pair.queries.take()] == ["SET", "INSERT"]
    assert pair.agent.exported.spans("refresh topology")
    connection.close()


def test_a_connection_that_the_application_hands_to_upstream_itself_has_query_spans(
    queries, agent, cluster, driver, connect
):
    instrumentor = {"psycopg": PsycopgInstrumentor, "psycopg2": Psycopg2Instrumentor}[driver]
    connection = connect(cluster.dsn("writer"))
    instrumentor.instrument_connection(connection, tracer_provider=queries.tracers)
    connection.cursor().execute("SELECT 1")
    instrumentor.uninstrument_connection(connection)
    assert [span.name for span in queries.take()] == ["SELECT"]
    connection.close()
