"""A process of its own, started with `opentelemetry-instrument`."""

import pytest

from aurora_otel.collector import Collector
from tests.support.application_process import Application


@pytest.fixture
def collector():
    with Collector() as collector:
        yield collector


def upstream_spans(collector):
    return [
        span
        for span in collector.spans
        if span.scope.name.startswith("opentelemetry.instrumentation.psycopg")
    ]


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("mode", "clean-up", "AURORA_OTEL_MODE='clean-up' is not valid"),
        ("drivers", "oracledb", "AURORA_OTEL_DRIVERS='oracledb' is not valid"),
        ("prune_interval", "-1", "AURORA_OTEL_PRUNE_INTERVAL='-1' is not valid"),
        ("prune_intervall", "1", "AURORA_OTEL_PRUNE_INTERVALL is ignored"),
    ],
)
def test_a_wrong_variable_is_one_error_and_later_instrumentations_live(  # noqa: PLR0913, PLR0917 - three of them belong together
    collector, cluster, driver, name, value, wrong
):
    with Application(collector, cluster, **{name: value}) as app:
        app.connect(names=["a"], dsn=cluster.dsn("writer"), driver=driver)
        assert app.write(name="a").error is None
        snapshot = app.snapshot().result
    # The default is used; for the mode, the one that closes nothing.
    mode = "observe" if name == "mode" else "cleanup"
    assert snapshot.startswith(f"aurora-otel is active, mode {mode}\n")
    assert f"1 {driver}" in snapshot
    assert app.errors.count(wrong) == 1
    assert "aurora_otel/" not in app.errors
    (span,) = upstream_spans(collector)
    assert span.name == "INSERT"
    assert span.attributes["aurora.instance.id"] == cluster.writer


def test_the_application_can_instrument_again_with_other_arguments(collector, cluster):
    with Application(collector, cluster, mode="cleanup") as app:
        app.connect(names=["a", "b"], dsn=cluster.dsn("writer"))
        assert app.instrument(mode="observe").error is None
        assert app.snapshot().result.startswith("aurora-otel is active, mode observe")
        old = cluster.writer
        cluster.failover("switchover")
        assert app.write(name="a").error == "ReadOnlySqlTransaction"
        # Not closed: refused once more, and counted as stale.
        assert app.write(name="a").error == "ReadOnlySqlTransaction"
        assert f"reader  {old}: 2 psycopg, 2 stale" in app.snapshot().result
    outcomes = {
        point.attributes["aurora.invalidation.outcome"]: point.value
        for point in collector.latest("aurora.connection.invalidations")
        if point.value
    }
    assert outcomes == {"observed": 2}


def test_a_wrong_argument_of_the_application_raises_and_the_agent_goes_on(collector, cluster):
    with Application(collector, cluster) as app:
        app.connect(names=["a"], dsn=cluster.dsn("writer"))
        answer = app.instrument(mode="clean-up")
        assert answer.error == "ValueError"
        assert "mode='clean-up'" in answer.message
        assert "mode cleanup" in app.snapshot().result
        assert "1 psycopg" in app.snapshot().result
