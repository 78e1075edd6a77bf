"""Both ways to Prometheus lead to the names that the dashboards use.

The Python exporter's way is tried: every metric is really exported. The Collector's is written out
here from its documentation and code, the translator that its Prometheus exporters share:
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/translator/prometheus
(`normalize_name.go`, since 2025 https://github.com/prometheus/otlptranslator, `metric_namer.go`).
"""

import re

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.semconv._incubating.metrics import db_metrics
from prometheus_client import REGISTRY, generate_latest

from aurora_otel.telemetry import names, pool_metrics
from aurora_otel.telemetry.names import Kind, Metric
from aurora_otel.telemetry.prometheus import bucket, count, label, metric_name

METRICS = (*names.METRICS, *pool_metrics.METRICS)
ATTRIBUTES = {name for metric in METRICS for name in metric.attributes} | {names.CLUSTER_ID}

# The Collector's unitMap and perUnitMap.
UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds",
    "us": "microseconds", "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes",
    "MiBy": "mebibytes", "GiBy": "gibibytes", "TiBy": "tibibytes", "KBy": "kilobytes",
    "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes", "m": "meters", "V": "volts",
    "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius", "Hz": "hertz",
    "1": "", "%": "percent",
}  # fmt: skip
PER_UNITS = {
    "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year",
}  # fmt: skip


def collector_name(metric):
    """What the Collector calls a metric: suffixes on, no namespace, as by default."""
    tokens = re.findall(r"[A-Za-z0-9:]+", metric.name)
    main, _, per = (part.strip() for part in metric.unit.partition("/"))
    if main and not set(main) & set("{}"):
        unit = "_".join(re.findall(r"[A-Za-z0-9]+", UNITS.get(main, main)))
        tokens += [unit] if unit and unit not in tokens else []
    if per and not set(per) & set("{}"):
        unit = "_".join(re.findall(r"[A-Za-z0-9]+", PER_UNITS.get(per, per)))
        tokens += ["per", unit] if unit and unit not in tokens else []
    if metric.kind is Kind.COUNTER:
        tokens = [token for token in tokens if token != "total"] + ["total"]
    if metric.unit == "1" and metric.kind is Kind.GAUGE:
        tokens = [token for token in tokens if token != "ratio"] + ["ratio"]
    name = "_".join(tokens)
    return f"_{name}" if name[0].isdigit() else name


@pytest.fixture(scope="module")
def exported():
    """The sample names that the Python exporter serves for all our metrics, by metric."""
    reader = PrometheusMetricReader()
    provider = MeterProvider([reader])
    meter = provider.get_meter("test")
    found = {}
    try:
        for metric in METRICS:
            create(meter, metric)
        lines = generate_latest(REGISTRY).decode().splitlines()
    finally:
        provider.shutdown()
    for metric in METRICS:
        marked = [line for line in lines if f'metric="{metric.name}"' in line]
        found[metric] = marked
    return found


def create(meter, metric):
    attributes = dict.fromkeys(metric.attributes, "x") | {"metric": metric.name}
    if metric.kind is Kind.HISTOGRAM:
        histogram = meter.create_histogram(metric.name, metric.unit, metric.description)
        histogram.record(1, attributes)
        return
    creator = {
        Kind.COUNTER: meter.create_observable_counter,
        Kind.UP_DOWN_COUNTER: meter.create_observable_up_down_counter,
        Kind.GAUGE: meter.create_observable_gauge,
    }[metric.kind]
    creator(metric.name, [lambda _: [Observation(1, attributes)]], metric.unit, metric.description)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_python_exporter_calls_it_as_the_dashboards_do(exported, metric):
    served = {line.partition("{")[0] for line in exported[metric]}
    if metric.kind is Kind.HISTOGRAM:
        assert {bucket(metric), count(metric)} <= served
        assert {name.rpartition("_")[0] for name in served} == {metric_name(metric)}
    else:
        assert served == {metric_name(metric)}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_collector_calls_it_as_the_dashboards_do(metric):
    assert collector_name(metric) == metric_name(metric)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_python_exporter_calls_its_attributes_as_the_dashboards_do(exported, metric):
    served = set(re.findall(r'(\w+)="', "".join(exported[metric])))
    assert {label(name) for name in metric.attributes} <= served


@pytest.mark.parametrize("attribute", sorted(ATTRIBUTES))
def test_the_collector_calls_an_attribute_as_the_dashboards_do(attribute):
    # Its rule for labels: what is neither letter, digit nor underscore becomes an underscore; a
    # label that begins with none of a letter gets a prefix.
    assert re.sub(r"\W", "_", attribute) == label(attribute)
    assert attribute[0].isalpha()


def test_the_rules_written_out_here_are_the_collectors():
    """Its documentation's own examples."""
    examples = [
        ("system.filesystem.usage", "By", Kind.UP_DOWN_COUNTER, "system_filesystem_usage_bytes"),
        ("system.network.dropped", "{packets}", Kind.COUNTER, "system_network_dropped_total"),
        ("system.network.dropped", "packets", Kind.GAUGE, "system_network_dropped_packets"),
        ("system.memory.utilization", "1", Kind.GAUGE, "system_memory_utilization_ratio"),
        (
            "storage.filesystem.utilization",
            "%",
            Kind.GAUGE,
            "storage_filesystem_utilization_percent",
        ),
        ("astro.light.speed", "m/s", Kind.GAUGE, "astro_light_speed_meters_per_second"),
        ("system.processes.created", "", Kind.COUNTER, "system_processes_created_total"),
        ("(lambda).function.executions(#)", "", Kind.GAUGE, "lambda_function_executions"),
    ]
    for name, unit, kind, expected in examples:
        assert collector_name(Metric(name, kind, unit, "")) == expected


@pytest.mark.parametrize("metric", pool_metrics.METRICS, ids=lambda metric: metric.name)
def test_the_names_of_the_pools_metrics_are_the_semantic_conventions(metric):
    known = {
        value
        for name, value in vars(db_metrics).items()
        if name.startswith("DB_CLIENT_CONNECTION_")
    }
    assert metric.name in known


def test_the_units_of_the_pools_metrics_are_the_semantic_conventions():
    found = {}

    class Meter:
        def __getattr__(self, kind):
            return lambda **given: found.update({given["name"]: (kind, given["unit"])})

    for name in dir(db_metrics):
        if name.startswith("create_db_client_connection_"):
            getattr(db_metrics, name)(Meter())
    kinds = {
        Kind.COUNTER: "create_counter",
        Kind.UP_DOWN_COUNTER: "create_up_down_counter",
        Kind.HISTOGRAM: "create_histogram",
    }
    for metric in pool_metrics.METRICS:
        assert found[metric.name] == (kinds[metric.kind], metric.unit)
