"""Instrumenting again, with other arguments, on the same and on another meter provider."""

import psycopg
import psycopg2
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import aurora_otel
from aurora_otel import AuroraInstrumentor
from aurora_otel.lab import Failover
from tests.support.waiting import eventually

OPENS = "aurora.connection.opens"


class Meters:
    """A meter provider, and what is read from it."""

    def __init__(self):
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader])

    def total(self, name):
        """The sum of a metric's points, or `None` without any."""
        data = self._reader.get_metrics_data()
        values = [
            point.value
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]
        return sum(values) if values else None


@pytest.fixture
def instrument(cluster):
    """Instruments with these arguments; ends with `uninstrument()`."""
    endpoints = cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"]
    yield lambda **arguments: AuroraInstrumentor().instrument(
        **{"instance_endpoints": endpoints, **arguments}
    )
    if aurora_otel.snapshot().active:
        AuroraInstrumentor().uninstrument()


def open_some(cluster, connect, count):
    return [connect(cluster.dsn("writer")) for _ in range(count)]


def test_on_the_same_meter_provider_the_metrics_are_the_new_agents(instrument, cluster, connect):
    meters = Meters()
    instrument(meter_provider=meters.provider)
    old = open_some(cluster, connect, 3)
    assert meters.total(OPENS) == 3
    AuroraInstrumentor().uninstrument()
    assert meters.total(OPENS) is None
    instrument(meter_provider=meters.provider)
    assert meters.total(OPENS) is None
    new = open_some(cluster, connect, 2)
    assert meters.total(OPENS) == meters.total("aurora.connection.count") == 2
    # What the agent before had tracked is none of the new one's.
    for connection in old:
        connection.close()
    assert meters.total("aurora.connection.closes") == 0
    for connection in new:
        connection.close()
    assert meters.total("aurora.connection.closes") == 2


def test_on_another_meter_provider_the_metrics_are_the_new_agents(instrument, cluster, connect):
    first, second = Meters(), Meters()
    instrument(meter_provider=first.provider)
    open_some(cluster, connect, 3)
    AuroraInstrumentor().uninstrument()
    instrument(meter_provider=second.provider)
    open_some(cluster, connect, 1)
    assert (first.total(OPENS), second.total(OPENS)) == (None, 1)


def test_a_running_agent_can_be_given_another_meter_provider(instrument, cluster, connect):
    first, second = Meters(), Meters()
    instrument(meter_provider=first.provider)
    held = open_some(cluster, connect, 2)
    instrument(meter_provider=second.provider)
    assert (first.total(OPENS), second.total(OPENS)) == (None, 2)
    assert len(held) == 2


def test_the_mode_of_a_running_agent_can_be_changed(start, cluster, connect):
    start()
    held = open_some(cluster, connect, 2)
    agent = start(mode="observe")
    assert aurora_otel.snapshot().mode == "observe"
    switch = cluster.failover(Failover.SWITCHOVER)
    with pytest.raises((psycopg.Error, psycopg2.Error), match="read-only"):
        held[0].cursor().execute("INSERT INTO writes (x) VALUES ('x')")
    eventually(lambda: agent.exported.metric("aurora.failovers") == 1)
    assert agent.tracked(switch.old_writer) == 2
    held[1].cursor().execute("SELECT 1")
    # Until it is said, it stays as it is.
    start()
    assert aurora_otel.snapshot().mode == "observe"
    # And back: what is stale is cleaned up by the next verdict.
    start(mode="cleanup")
    held[0].rollback()
    with pytest.raises((psycopg.Error, psycopg2.Error)):
        held[0].cursor().execute("INSERT INTO writes (x) VALUES ('x')")
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    for connection in held:
        connection.close()


def test_drivers_that_were_not_chosen_are_left_alone(originals, start, cluster):
    plain, plain_class = psycopg2._connect, dict(vars(psycopg.Connection))
    agent = start(drivers="psycopg")
    assert psycopg2._connect is plain
    with psycopg2.connect(cluster.dsn("writer")) as untracked:
        assert type(untracked) is psycopg2.extensions.connection
    assert agent.tracked() == 0
    with psycopg.connect(cluster.dsn("writer")):
        assert agent.tracked() == 1
        # Changed on the running agent: what is open stays tracked.
        agent = start(drivers=["psycopg2"])
        assert psycopg2._connect is not plain
        assert dict(vars(psycopg.Connection)) == plain_class
        with psycopg.connect(cluster.dsn("writer")):
            assert agent.tracked() == 1
    assert agent.tracked() == 0
    connection = psycopg2.connect(cluster.dsn("writer"))
    assert agent.tracked() == 1
    connection.close()
    start(drivers=None)
    assert dict(vars(psycopg.Connection)) != plain_class
    AuroraInstrumentor().uninstrument()
    assert originals()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "clean"),
        ("drivers", "oracledb"),
        ("prune_interval", 0),
        ("refresh_window", "long"),
        ("instance_endpoints", "lab-1"),
        ("no_such_setting", 1),
    ],
)
def test_a_wrong_argument_raises_and_leaves_a_running_agent_as_it_was(
    start, cluster, connect, name, value
):
    agent = start(mode="observe")
    connection = connect(cluster.dsn("writer"))
    running, settings = agent.internals, agent.internals.settings
    with pytest.raises(ValueError, match=name):
        AuroraInstrumentor().instrument(**{name: value})
    assert agent.internals is running
    assert running.settings is settings
    assert agent.tracked(cluster.writer) == 1
    assert agent.exported.metric(OPENS) == 1
    connection.close()


def test_a_wrong_argument_raises_and_patches_nothing(originals, instrument):
    with pytest.raises(ValueError, match="mode='clean'"):
        instrument(mode="clean")
    assert originals()
    assert aurora_otel.snapshot().active is False
    instrument()
    assert aurora_otel.snapshot().active is True
