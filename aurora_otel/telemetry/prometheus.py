"""What the telemetry is called on Prometheus.

Both ways there come to the same names, for units as they are used here: the Python exporter's and
the OpenTelemetry Collector's
(https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/translator/prometheus).
"""

from __future__ import annotations

from aurora_otel.telemetry.names import Kind, Metric

# An annotation in braces, as `{connection}`, is dropped; what is not here is not used.
_UNITS = {"s": "_seconds"}


def metric_name(metric: Metric) -> str:
    """Return what `metric` is called; a histogram's series add a suffix to this."""
    total = "_total" if metric.kind is Kind.COUNTER else ""
    return metric.name.replace(".", "_") + _UNITS.get(metric.unit, "") + total


def bucket(metric: Metric) -> str:
    """Return what the buckets of a histogram are called."""
    return metric_name(metric) + "_bucket"


def count(metric: Metric) -> str:
    """Return what the number of a histogram's measurements is called."""
    return metric_name(metric) + "_count"


def total(metric: Metric) -> str:
    """Return what the sum of a histogram's measurements is called."""
    return metric_name(metric) + "_sum"


def label(attribute: str) -> str:
    """Return what an attribute is called."""
    return attribute.replace(".", "_")
