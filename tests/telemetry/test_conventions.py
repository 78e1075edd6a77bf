"""Every name and attribute of every signal against the newest release of the conventions.

Which attributes there are, which of them are stable or deprecated, and what instrument and unit a
metric has, is read from the installed `opentelemetry-semantic-conventions`. It does not say which
attribute belongs to which signal: that is here, as in the documents of 1.44.0
(https://opentelemetry.io/docs/specs/semconv/db/, pages sql, postgresql and database-metrics).
"""

from __future__ import annotations

import ast
import itertools
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from aurora_otel.telemetry import agent_names, names, pool_metrics, queries
from aurora_otel.telemetry.conventions import DEVIATIONS, QUERY_SPANS
from aurora_otel.telemetry.names import Kind

SQL_SPAN = {
    "db.system.name",
    "db.namespace",
    "db.response.status_code",
    "error.type",
    "server.port",
    "db.collection.name",
    "db.operation.batch.size",
    "db.operation.name",
    "db.query.summary",
    "db.query.text",
    "db.stored_procedure.name",
    "server.address",
}
OPERATION_DURATION = {
    "db.system.name",
    "db.collection.name",
    "db.namespace",
    "db.operation.name",
    "db.response.status_code",
    "error.type",
    "server.port",
    "db.query.summary",
    "db.stored_procedure.name",
    "network.peer.address",
    "network.peer.port",
    "server.address",
}
POOL = {"db.client.connection.pool.name"}
POOL_COUNT = {*POOL, "db.client.connection.state"}

TABLE = {
    QUERY_SPANS: (set(queries.SPAN_ATTRIBUTES), SQL_SPAN),
    queries.DURATION.name: (set(queries.DURATION.attributes), OPERATION_DURATION),
    **{metric.name: (set(metric.attributes), POOL) for metric in pool_metrics.METRICS},
    pool_metrics.COUNT.name: (set(pool_metrics.COUNT.attributes), POOL_COUNT),
}
METRICS = (*names.METRICS, *agent_names.METRICS, *pool_metrics.METRICS, *queries.METRICS)
ATTRIBUTES = {
    *(a for metric in METRICS for a in metric.attributes),
    *(a for span in names.SPANS for a in span.attributes),
    *(a for log in (*names.LOGS, *agent_names.LOGS) for a in log.attributes),
    *queries.SPAN_ATTRIBUTES,
    names.EVENT_NAME,
}


def constants(folder):
    """Return the name and the text of each constant of the package's modules in `folder`."""
    root = Path(find_spec("opentelemetry.semconv").submodule_search_locations[0], folder)
    found = {}
    for path in root.glob("*.py"):
        body = ast.parse(path.read_text()).body
        for statement, text in itertools.pairwise(body):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Constant):
                said = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
                found[statement.value.value] = text.value.value if said else ""
    return found


STABLE = constants("attributes")
KNOWN = constants("_incubating/attributes")
KNOWN_METRICS = constants("_incubating/metrics") | constants("metrics")


def deviations(signal):
    return {
        each.attribute
        for each in DEVIATIONS
        if each.signal == signal or (each.signal[-1] == "*" and signal.startswith(each.signal[:-1]))
    }


def test_the_installed_release_is_the_one_that_is_named():
    from opentelemetry.semconv.schemas import Schemas  # noqa: PLC0415 - what is looked at

    urls = {each.value for each in Schemas}
    assert names.SCHEMA_URL in urls, "opentelemetry-semantic-conventions is older than the table"


@pytest.mark.parametrize("attribute", sorted(a for a in ATTRIBUTES if a[:7] != "aurora."))
def test_an_attribute_of_the_conventions_is_one_and_is_not_deprecated(attribute):
    said = STABLE.get(attribute) or KNOWN[attribute]
    assert not said.strip().startswith("Deprecated")
    # The rest of the conventions for pools is not stable either.
    assert attribute in STABLE or attribute.startswith("db.client.connection.")


@pytest.mark.parametrize("metric", [m for m in METRICS if m.name[:7] != "aurora."], ids=str)
def test_a_metric_of_the_conventions_has_their_instrument_and_unit(metric):
    said = KNOWN_METRICS[metric.name]
    instrument = re.search(r"Instrument: (\w+)", said)[1]
    expected = {
        Kind.UP_DOWN_COUNTER: "updowncounter",
        Kind.COUNTER: "counter",
        Kind.HISTOGRAM: "histogram",
    }
    assert (expected[metric.kind], metric.unit) == (instrument, re.search(r"Unit: (.+)", said)[1])


@pytest.mark.parametrize("signal", TABLE)
def test_a_signal_has_the_attributes_of_its_table_or_says_why_not(signal):
    ours, theirs = TABLE[signal]
    unlisted = (ours ^ theirs) - deviations(signal)
    assert unlisted == set()


def test_no_deviation_is_listed_in_vain():
    for each in DEVIATIONS:
        signals = [signal for signal in TABLE if each.attribute in deviations(signal)]
        assert signals, each
        assert any(each.attribute in TABLE[signal][0] | TABLE[signal][1] for signal in signals)
        assert each.what
        assert each.why


def test_no_name_is_the_namespace_of_another():
    for group in (
        {a for a in ATTRIBUTES if "<" not in a},
        {metric.name for metric in METRICS},
        {log.event for log in names.LOGS if log.event},
    ):
        assert [(a, b) for a in group for b in group if b.startswith(f"{a}.")] == []


def test_every_attribute_is_described():
    described = {
        a.name
        for a in (
            *names.ATTRIBUTES,
            *agent_names.ATTRIBUTES,
            *queries.ATTRIBUTES,
            *pool_metrics.ATTRIBUTES,
        )
    }
    counted = {
        a for a in ATTRIBUTES if a.startswith((names.INVALIDATIONS_PREFIX, "aurora.prunes."))
    }
    assert ATTRIBUTES - described - counted == {names.EVENT_NAME}
