"""Spans are subject to sampling; metrics and the warning are the record."""

import logging

import psycopg
import psycopg2
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from aurora_otel.lab import Failover


def request(*, sampled):
    """The span of a request that came in, sampled or not."""
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    context = SpanContext(trace_id=1 + sampled, span_id=7, is_remote=True, trace_flags=flags)
    return trace.use_span(NonRecordingSpan(context))


def refused_write(connection):
    with pytest.raises((psycopg.Error, psycopg2.Error), match="read-only"):
        connection.cursor().execute("INSERT INTO writes (x) VALUES ('x')")


def test_invalidations_link_to_sampled_connects_only(agent, cluster, connect):
    with request(sampled=False):
        held = [connect(cluster.dsn("writer")) for _ in range(2)]
    assert agent.exported.spans("track connection") == []
    with request(sampled=True):
        held += [connect(cluster.dsn("writer")) for _ in range(3)]
    cluster.failover(Failover.SWITCHOVER)
    with request(sampled=True):
        refused_write(held[0])
    (span,) = agent.exported.spans("invalidate connections")
    assert span.attributes["aurora.invalidations.closed"] == 5
    opened = [each.context.span_id for each in agent.exported.spans("track connection")]
    assert sorted(link.context.span_id for link in span.links) == sorted(opened)
    assert len(opened) == 3
    for connection in held:
        connection.close()


def test_a_failover_in_a_call_that_is_not_sampled_is_counted_and_logged(
    agent, cluster, connect, caplog
):
    connection = connect(cluster.dsn("writer"))
    cluster.failover(Failover.SWITCHOVER)
    with request(sampled=False), caplog.at_level(logging.WARNING, logger="aurora_otel"):
        refused_write(connection)
    assert agent.exported.spans("failover") == []
    assert agent.exported.metric("aurora.failovers") == 1
    assert (
        agent.exported.metric("aurora.connection.invalidations", invalidation_outcome="closed") == 1
    )
    (record,) = [r for r in caplog.records if r.getMessage().startswith("failover: ")]
    assert vars(record)["aurora.failover.invalidated"] == 1
    connection.close()
