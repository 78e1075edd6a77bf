"""A small OTLP receiver: what another process exported, as typed Python values.

For the demo and for tests; it needs the extra `demo`.

    with Collector() as collector:
        subprocess.run(command, env={**os.environ, **collector.environment()}, check=True)
        print(collector.spans, collector.latest("aurora.failovers"))
"""

from aurora_otel.collector.records import (
    Attributes,
    Event,
    Histogram,
    Link,
    LogRecord,
    MetricKind,
    MetricPoint,
    Scope,
    Span,
    SpanKind,
    SpanStatus,
    Temporality,
    Value,
)
from aurora_otel.collector.server import Collector

__all__ = [
    "Attributes",
    "Collector",
    "Event",
    "Histogram",
    "Link",
    "LogRecord",
    "MetricKind",
    "MetricPoint",
    "Scope",
    "Span",
    "SpanKind",
    "SpanStatus",
    "Temporality",
    "Value",
]
