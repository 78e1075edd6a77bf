"""The figures of one export belong together: they are computed once."""

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import DropAggregation, View

from aurora_otel.telemetry import names
from aurora_otel.telemetry.metrics import instruments
from aurora_otel.telemetry.names import Kind

OBSERVABLE = [metric for metric in names.METRICS if metric.kind is not Kind.HISTOGRAM]


class Source:
    """Observations that differ each time that they are computed."""

    def __init__(self):
        self.computed = 0

    def __call__(self):
        self.computed += 1
        return {
            metric.name: {("cluster", "system", *metric.attributes): self.computed}
            for metric in OBSERVABLE
        }


def values(reader):
    data = reader.get_metrics_data()
    return {
        metric.name: point.value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }


def test_every_metric_of_a_collection_is_of_one_moment():
    reader, source = InMemoryMetricReader(), Source()
    instruments(provider := MeterProvider([reader])).source = source
    for computed in (1, 2, 3):
        assert values(reader) == {metric.name: computed for metric in OBSERVABLE}
    provider.shutdown()


def test_also_when_an_application_drops_one_of_them():
    # By a view, as an application may.
    for dropped in OBSERVABLE:
        reader, source = InMemoryMetricReader(), Source()
        view = View(instrument_name=dropped.name, aggregation=DropAggregation())
        instruments(provider := MeterProvider([reader], views=[view])).source = source
        for computed in (1, 2):
            kept = {metric.name: computed for metric in OBSERVABLE if metric is not dropped}
            assert values(reader) == kept
        provider.shutdown()


def test_two_readers_are_each_given_figures_of_one_moment():
    readers, source = [InMemoryMetricReader(), InMemoryMetricReader()], Source()
    instruments(provider := MeterProvider(readers)).source = source
    for computed in (1, 2, 3, 4):
        reader = readers[computed % 2]
        assert set(values(reader).values()) == {computed}
    provider.shutdown()
