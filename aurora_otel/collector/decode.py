"""OTLP protobuf request bodies in, records out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry.proto.common.v1 import common_pb2
    from opentelemetry.proto.metrics.v1 import metrics_pb2
    from opentelemetry.proto.trace.v1 import trace_pb2

# In the order of the numbers that the protocol gives them.
_SPAN_KINDS = tuple(SpanKind)
_SPAN_STATUSES = tuple(SpanStatus)

_TEMPORALITIES = {
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: Temporality.CUMULATIVE,
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: Temporality.DELTA,
}


def spans(body: bytes) -> list[Span]:
    """Decode an `ExportTraceServiceRequest`."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        _span(span, _scope(group.scope), _attributes(resource.resource.attributes))
        for resource in request.resource_spans
        for group in resource.scope_spans
        for span in group.spans
    ]


def points(body: bytes, export: int) -> list[MetricPoint]:
    """Decode an `ExportMetricsServiceRequest`, the `export`-th one.

    Exponential histograms and summaries, which Python's SDK does not make unless it is
    configured to, are left out.
    """
    request = ExportMetricsServiceRequest.FromString(body)
    return [
        point
        for resource in request.resource_metrics
        for group in resource.scope_metrics
        for metric in group.metrics
        for point in _points(
            export, metric, _scope(group.scope), _attributes(resource.resource.attributes)
        )
    ]


def logs(body: bytes) -> list[LogRecord]:
    """Decode an `ExportLogsServiceRequest`."""
    request = ExportLogsServiceRequest.FromString(body)
    return [
        LogRecord(
            time_ns=record.time_unix_nano,
            severity=record.severity_text,
            severity_number=record.severity_number,
            body=_value(record.body),
            attributes=_attributes(record.attributes),
            event_name=record.event_name,
            trace_id=record.trace_id.hex() or None,
            span_id=record.span_id.hex() or None,
            scope=_scope(group.scope),
            resource=_attributes(resource.resource.attributes),
        )
        for resource in request.resource_logs
        for group in resource.scope_logs
        for record in group.log_records
    ]


def _span(span: trace_pb2.Span, scope: Scope, resource: Attributes) -> Span:
    return Span(
        name=span.name,
        kind=_SPAN_KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=tuple(
            Event(event.name, event.time_unix_nano, _attributes(event.attributes))
            for event in span.events
        ),
        links=tuple(
            Link(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
            for link in span.links
        ),
        status=_SPAN_STATUSES[span.status.code],
        status_message=span.status.message,
        scope=scope,
        resource=resource,
    )


def _points(
    export: int, metric: metrics_pb2.Metric, scope: Scope, resource: Attributes
) -> Iterator[MetricPoint]:
    number_points: Iterable[metrics_pb2.NumberDataPoint] = ()
    histogram_points: Iterable[metrics_pb2.HistogramDataPoint] = ()
    monotonic, temporality = False, None
    if metric.HasField("sum"):
        kind, number_points = MetricKind.SUM, metric.sum.data_points
        monotonic = metric.sum.is_monotonic
        temporality = _TEMPORALITIES.get(metric.sum.aggregation_temporality)
    elif metric.HasField("gauge"):
        kind, number_points = MetricKind.GAUGE, metric.gauge.data_points
    elif metric.HasField("histogram"):
        kind, histogram_points = MetricKind.HISTOGRAM, metric.histogram.data_points
        temporality = _TEMPORALITIES.get(metric.histogram.aggregation_temporality)
    else:
        return

    def record(
        point: metrics_pb2.NumberDataPoint | metrics_pb2.HistogramDataPoint,
        value: float | None = None,
        histogram: Histogram | None = None,
    ) -> MetricPoint:
        return MetricPoint(
            export=export,
            name=metric.name,
            unit=metric.unit,
            description=metric.description,
            kind=kind,
            monotonic=monotonic,
            temporality=temporality,
            attributes=_attributes(point.attributes),
            value=value,
            histogram=histogram,
            start_ns=point.start_time_unix_nano,
            time_ns=point.time_unix_nano,
            scope=scope,
            resource=resource,
        )

    for number in number_points:
        yield record(number, value=number.as_int if number.HasField("as_int") else number.as_double)
    for point in histogram_points:
        yield record(
            point,
            histogram=Histogram(
                count=point.count,
                sum=point.sum,
                bounds=tuple(point.explicit_bounds),
                counts=tuple(point.bucket_counts),
            ),
        )


def _scope(scope: common_pb2.InstrumentationScope) -> Scope:
    return Scope(scope.name, scope.version)


def _attributes(pairs: Iterable[common_pb2.KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: common_pb2.AnyValue) -> Value:
    field = value.WhichOneof("value")
    if field is None:
        return None
    if field == "array_value":
        return tuple(_value(item) for item in value.array_value.values)
    if field == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    plain: str | bool | int | float | bytes = getattr(value, field)
    return plain
