"""Query spans of our own, which are off unless the setting asks for them."""

from types import SimpleNamespace

import pytest
from opentelemetry.trace import SpanKind

from aurora_otel.telemetry import names, queries
from aurora_otel.telemetry.query_spans import _Call, _text

OURS = {"track connection", "refresh topology", "failover", "invalidate connections"}


def query_spans(agent):
    return [span for span in agent.exported.spans() if span.name not in OURS]


def run_some(connect, cluster):
    connection = connect(cluster.dsn("writer"))
    cursor = connection.cursor()
    cursor.execute("/* of the application */ SELECT count(*) FROM writes WHERE x = 'secret'")
    cursor.executemany("INSERT INTO writes (x) VALUES (%s)", [("1",), ("2",)])
    connection.rollback()
    connection.close()


def test_there_are_none_by_default(cluster, agent, connect):
    run_some(connect, cluster)
    assert query_spans(agent) == []


def test_a_summary_names_the_operation_only(cluster, start, connect):
    agent = start(query_spans="summary")
    run_some(connect, cluster)
    select, insert = query_spans(agent)
    assert (select.name, insert.name) == ("SELECT", "INSERT")
    assert [span.attributes["db.query.summary"] for span in (select, insert)] == [
        "SELECT",
        "INSERT",
    ]
    assert "db.query.text" not in select.attributes
    assert "secret" not in str([dict(span.attributes) for span in (select, insert)])


def test_the_text_is_the_statement_without_its_parameters(cluster, start, connect):
    agent = start(query_spans="text")
    run_some(connect, cluster)
    select, insert = query_spans(agent)
    assert select.attributes["db.query.text"].endswith(
        "SELECT count(*) FROM writes WHERE x = 'secret'"
    )
    assert insert.attributes["db.query.text"] == "INSERT INTO writes (x) VALUES (%s)"


def test_a_statement_of_bytes_is_shown_as_text(cluster, start, connect):
    agent = start(query_spans="text")
    with connect(cluster.dsn("writer")) as connection:
        connection.cursor().execute("SELECT 'é', '\ufffd'".encode())
    shown = [span.attributes["db.query.text"] for span in query_spans(agent)]
    assert "SELECT 'é', '\ufffd'" in shown


def test_they_have_instance_and_role(cluster, start, connect):
    agent = start(query_spans="summary")
    run_some(connect, cluster)
    for span in query_spans(agent):
        assert span.attributes["aurora.instance.id"] == cluster.writer
        assert span.attributes["aurora.instance.role"] == "writer"
        assert span.attributes["db.namespace"] == "app"


def test_they_have_every_attribute_of_their_table_and_no_other(cluster, start, connect):
    agent = start(query_spans="text")
    run_some(connect, cluster)
    connection = connect(cluster.dsn("writer"))
    with pytest.raises(Exception, match="no_such_table"):
        connection.cursor().execute("SELECT * FROM no_such_table")
    connection.close()
    spans = query_spans(agent)
    shown = set().union(*(span.attributes for span in spans))
    assert shown == set(queries.SPAN_ATTRIBUTES)
    for span in spans:
        assert span.kind is SpanKind.CLIENT
        assert span.instrumentation_scope.schema_url == names.SCHEMA_URL
        assert span.attributes["server.address"] == cluster.host("writer")
        assert span.attributes["server.port"] == cluster.address("writer")[1]


def test_each_call_is_measured_as_long_as_its_span_and_with_its_error(cluster, start, connect):
    agent = start(query_spans="summary")
    run_some(connect, cluster)
    connection = connect(cluster.dsn("writer"))
    with pytest.raises(Exception, match="no_such_table"):
        connection.cursor().execute("SELECT * FROM no_such_table")
    connection.close()
    measured = {
        point.attributes.get("db.response.status_code"): point
        for point in agent.exported.points(queries.DURATION.name)
    }
    assert {code: point.count for code, point in measured.items()} == {None: 2, "42P01": 1}
    assert set(measured["42P01"].attributes) == set(queries.DURATION.attributes)
    assert measured[None].explicit_bounds == queries.DURATION.boundaries


class Template:
    """What psycopg takes for a template string of Python 3.14."""

    strings = ("SELECT ", " + 1")
    interpolations = (SimpleNamespace(expression="secret"),)


def test_a_template_is_shown_with_its_expressions_and_without_their_values():
    call = _Call("postgresql", None, {}, None, (Template(),), lambda _, args: args[0])
    assert _text(call) == "SELECT {secret} + 1"


def test_they_can_be_switched_on_and_off_on_the_running_agent(cluster, start, connect):
    first = start()
    run_some(connect, cluster)
    second = start(query_spans="summary")
    run_some(connect, cluster)
    third = start(query_spans="off")
    run_some(connect, cluster)
    assert [len(query_spans(agent)) for agent in (first, second, third)] == [0, 2, 0]


def test_an_error_is_on_its_span_and_reaches_the_application(cluster, start, connect):
    agent = start(query_spans="summary")
    connection = connect(cluster.dsn("writer"))
    with pytest.raises(Exception, match="no_such_table"):
        connection.cursor().execute("SELECT * FROM no_such_table")
    connection.close()
    (span,) = query_spans(agent)
    assert not span.status.is_ok
    assert span.attributes["error.type"] == "UndefinedTable"
    assert span.attributes["db.response.status_code"] == "42P01"
    # The message would quote the statement.
    assert span.status.description is None
    assert not span.events


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        ("VALUES('secret')", "VALUES"),
        ("(SELECT 'secret')", "SELECT"),
        ("-- secret\nSELECT 1", "app"),  # the database: where no operation is known
    ],
)
def test_a_summary_never_takes_a_literal_for_the_operation(
    cluster, start, connect, statement, operation
):
    agent = start(query_spans="summary")
    connection = connect(cluster.dsn("writer"))
    connection.cursor().execute(statement)
    connection.close()
    (span,) = query_spans(agent)
    assert span.name == operation
    assert "secret" not in span.to_json()


def test_a_connection_opened_before_the_agent_has_none(cluster, start, connect):
    connection = connect(cluster.dsn("writer"))
    agent = start(query_spans="text")
    connection.cursor().execute("SELECT 1")
    connection.close()
    assert query_spans(agent) == []


class Statement(str):
    """A statement of the application's, whose `as_string` is not the drivers'."""

    __slots__ = ()

    def as_string(self):
        raise AssertionError


def test_a_statement_that_cannot_be_described_is_run_all_the_same(cluster, start, connect):
    agent = start(query_spans="text")
    connection = connect(cluster.dsn("writer"))
    cursor = connection.cursor()
    cursor.execute(Statement("SELECT 1"))
    assert cursor.fetchone() == (1,)
    connection.close()
    (span,) = query_spans(agent)
    assert span.name == "app"
    failures = agent.internals.shield.failures
    assert list(failures) == ["read a statement: TypeError"]
    failures.clear()


def test_a_call_whose_span_cannot_be_made_is_made_all_the_same(
    cluster, start, connect, monkeypatch
):
    agent = start(query_spans="text")
    connection = connect(cluster.dsn("writer"))
    monkeypatch.delattr("aurora_otel.telemetry.query_spans.queries.SHOWN")
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
    connection.close()
    assert query_spans(agent) == []
    failures = agent.internals.shield.failures
    assert list(failures) == ["prepare a query span: AttributeError"]
    failures.clear()
