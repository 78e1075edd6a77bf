import os
import subprocess
import sys
import sysconfig
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2

from aurora_otel.collector import (
    Collector,
    Histogram,
    MetricKind,
    SpanKind,
    SpanStatus,
    Temporality,
)


@pytest.fixture(scope="module")
def collected():
    with Collector() as collector:
        subprocess.run(
            [
                Path(sysconfig.get_path("scripts")) / "opentelemetry-instrument",
                sys.executable,
                Path(__file__).with_name("exporting.py"),
            ],
            env={
                **os.environ,
                **collector.environment("exporter-under-test"),
                # This is about the exporters alone.
                "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "aurora",
            },
            check=True,
            timeout=60,
        )
    return collector


def span(collector, name):
    (found,) = [span for span in collector.spans if span.name == name]
    return found


def post(collector, path, body, **headers):
    request = urllib.request.Request(collector.endpoint + path, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status


def test_a_span_arrives_with_all_that_it_was_given(collected):
    parent = span(collected, "parent")
    assert parent.kind is SpanKind.CLIENT
    assert parent.parent_id is None
    assert parent.attributes == {
        "text": "a",
        "flag": True,
        "number": 7,
        "ratio": 0.5,
        "list": ("x", "y"),
    }
    assert [(event.name, event.attributes) for event in parent.events] == [
        ("happened", {"how": "fast"})
    ]
    assert parent.status is SpanStatus.UNSET
    assert (parent.scope.name, parent.scope.version) == ("the.tracer", "1.2")
    assert parent.resource["service.name"] == "exporter-under-test"
    assert parent.seconds == (parent.end_ns - parent.start_ns) / 1e9 > 0


def test_a_span_points_to_its_parent_and_its_links(collected):
    parent, child, earlier = (span(collected, name) for name in ("parent", "child", "earlier"))
    assert (child.trace_id, child.parent_id) == (parent.trace_id, parent.span_id)
    assert (child.status, child.status_message) == (SpanStatus.ERROR, "broken")
    (link,) = parent.links
    assert (link.trace_id, link.span_id) == (earlier.trace_id, earlier.span_id)
    assert link.attributes == {"why": "decided"}


def test_a_log_record_arrives_once_with_its_extras_and_its_span(collected):
    (record,) = [record for record in collected.logs if record.logger == "the.logger"]
    child = span(collected, "child")
    assert record.body == "watch out"
    assert (record.severity, record.severity_number) == ("WARN", 13)
    assert record.attributes == {"the.extra": 3}
    assert (record.trace_id, record.span_id) == (child.trace_id, child.span_id)


def test_each_kind_of_metric_arrives_as_what_it_is(collected):
    (counter,) = collected.latest("the.counter")
    assert (counter.kind, counter.monotonic, counter.temporality) == (
        MetricKind.SUM,
        True,
        Temporality.CUMULATIVE,
    )
    assert (counter.value, counter.unit, counter.description) == (2, "{thing}", "Things.")
    assert counter.attributes == {"k": "v"}
    (updown,) = collected.latest("the.updown")
    assert (updown.value, updown.monotonic) == (-3, False)
    (gauge,) = collected.latest("the.gauge")
    assert (gauge.kind, gauge.value, gauge.temporality) == (MetricKind.GAUGE, 1.5, None)
    (histogram,) = collected.latest("the.histogram")
    assert histogram.value is None
    assert histogram.histogram == Histogram(
        count=4, sum=pytest.approx(6.15), bounds=(0.1, 1.0), counts=(1, 2, 1)
    )
    assert histogram.scope.name == "the.meter"


def test_points_carry_the_number_of_their_export(collected):
    for number, export in enumerate(collected.exports):
        assert {point.export for point in export} <= {number}


def test_a_metric_that_was_not_exported_has_no_points(collected):
    assert collected.latest("no.such.metric") == []


def test_wait_for_returns_when_a_request_fulfils_the_predicate():
    with Collector() as collector:
        threading.Timer(0.1, post, (collector, "/v1/metrics", b"")).start()
        assert collector.wait_for(lambda seen: len(seen.exports) == 1)


def test_wait_for_gives_up_after_its_timeout():
    with Collector() as collector:
        assert not collector.wait_for(lambda seen: seen.spans, timeout=0.05)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/traces", b"\xff\xff", {}, 400),
        ("/v1/metrics", b"not gzip", {"Content-Encoding": "gzip"}, 400),
        ("/v1/elsewhere", b"", {}, 404),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_and_kept_as_a_problem(
    path, body, headers, status
):
    with Collector() as collector:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            post(collector, path, body, **headers)
        refusal.value.close()
        assert refusal.value.code == status
        assert len(collector.problems) == 1
        assert path in collector.problems[0]


def test_what_was_received_is_readable_after_closing():
    with Collector() as collector:
        post(collector, "/v1/metrics", b"")
    assert collector.exports == [[]]


def exporting(*metrics):
    """Return an export request with these metrics."""
    request = metrics_service_pb2.ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.extend(metrics)
    return request.SerializeToString()


def test_an_attribute_may_be_a_map_or_nothing():
    pairs = [
        common_pb2.KeyValue(key="nothing"),
        common_pb2.KeyValue(
            key="map",
            value=common_pb2.AnyValue(
                kvlist_value=common_pb2.KeyValueList(
                    values=[
                        common_pb2.KeyValue(key="n", value=common_pb2.AnyValue(int_value=1)),
                    ]
                )
            ),
        ),
    ]
    point = metrics_pb2.NumberDataPoint(as_int=2, attributes=pairs)
    gauge = metrics_pb2.Metric(name="a", gauge=metrics_pb2.Gauge(data_points=[point]))
    with Collector() as collector:
        post(collector, "/v1/metrics", exporting(gauge))
    (found,) = collector.latest("a")
    assert (found.value, found.attributes) == (2, {"nothing": None, "map": {"n": 1}})


def test_a_kind_of_metric_that_is_not_known_hides_no_other():
    point = metrics_pb2.NumberDataPoint(as_int=2)
    unknown = metrics_pb2.Metric(name="a", summary=metrics_pb2.Summary())
    gauge = metrics_pb2.Metric(name="b", gauge=metrics_pb2.Gauge(data_points=[point]))
    with Collector() as collector:
        post(collector, "/v1/metrics", exporting(unknown, gauge))
    assert [(each.name, each.value) for (each,) in collector.exports] == [("b", 2)]
    assert collector.problems == []
