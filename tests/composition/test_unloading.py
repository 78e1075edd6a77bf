"""Either instrumentation may go first: the other one goes on working."""

import psycopg
import psycopg2
import pytest

from aurora_otel import AuroraInstrumentor
from aurora_otel.lab import Failover
from tests.support.waiting import eventually

INSERT = "INSERT INTO writes (x) VALUES ('x')"


def select(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]
    connection.commit()


def attributes(spans):
    return [span.attributes.get("aurora.instance.id") for span in spans]


def fail_over(cluster, agent, held):
    """The writer changes; one refused write cleans up every connection in `held`."""
    switch = cluster.failover(Failover.SWITCHOVER)
    with pytest.raises((psycopg.Error, psycopg2.Error), match="read-only"):
        held[0].cursor().execute(INSERT)
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    for connection in held[1:]:
        with pytest.raises((psycopg.OperationalError, psycopg2.OperationalError)):
            connection.cursor().execute("SELECT 1")
    assert agent.exported.metric(
        "aurora.connection.invalidations", invalidation_outcome="closed"
    ) == (len(held))
    for connection in held:
        connection.close()


def test_a_failover_is_cleaned_up_beside_upstream(pair, cluster, connect):
    fail_over(cluster, pair.agent, [connect(cluster.dsn("writer")) for _ in range(3)])


def test_ours_goes_on_when_upstream_is_gone(originals, pair, cluster, connect):
    before = connect(cluster.dsn("writer"))
    pair.queries.unload()
    pair.queries.take()
    after = connect(cluster.dsn("writer"))
    select(after)
    # A connection that upstream has instrumented stays so; a new one is ours alone.
    select(before)
    assert attributes(pair.queries.take()) == [cluster.writer]
    assert pair.agent.tracked(cluster.writer) == 2
    fail_over(cluster, pair.agent, [before, after])
    AuroraInstrumentor().uninstrument()
    assert originals()


def test_upstream_goes_on_when_ours_is_gone(originals, pair, cluster, connect):
    before = connect(cluster.dsn("writer"))
    AuroraInstrumentor().uninstrument()
    after = connect(cluster.dsn("writer"))
    select(before)
    select(after)
    spans = pair.queries.take()
    assert [span.name for span in spans] == ["SELECT", "SELECT"]
    assert attributes(spans)[1] is None
    before.close()
    after.close()
    pair.queries.unload()
    assert originals()


def test_after_upstream_was_taken_off_and_put_on_again_both_work(pair, cluster, connect):
    pair.queries.unload()
    pair.queries.load()
    held = [connect(cluster.dsn("writer")) for _ in range(2)]
    select(held[0])
    assert attributes(pair.queries.take()) == [cluster.writer]
    fail_over(cluster, pair.agent, held)


def test_after_ours_was_taken_off_and_put_on_again_both_work(pair, start, cluster, connect):
    AuroraInstrumentor().uninstrument()
    agent = start()
    held = [connect(cluster.dsn("writer")) for _ in range(2)]
    select(held[0])
    assert attributes(pair.queries.take()) == [cluster.writer]
    fail_over(cluster, agent, held)
