"""A program that exports one of everything; run by the tests under `opentelemetry-instrument`."""

import logging

from opentelemetry import metrics, trace
from opentelemetry.metrics import Observation

tracer = trace.get_tracer("the.tracer", "1.2")
meter = metrics.get_meter("the.meter", "3.4")

with tracer.start_as_current_span("earlier") as earlier:
    pass

with tracer.start_as_current_span(
    "parent",
    kind=trace.SpanKind.CLIENT,
    attributes={"text": "a", "flag": True, "number": 7, "ratio": 0.5, "list": ["x", "y"]},
    links=[trace.Link(earlier.get_span_context(), {"why": "decided"})],
) as parent:
    parent.add_event("happened", {"how": "fast"})
    with tracer.start_as_current_span("child") as child:
        child.set_status(trace.StatusCode.ERROR, "broken")
        logging.getLogger("the.logger").warning("watch %s", "out", extra={"the.extra": 3})

meter.create_counter("the.counter", unit="{thing}", description="Things.").add(2, {"k": "v"})
meter.create_up_down_counter("the.updown").add(-3)
meter.create_observable_gauge("the.gauge", [lambda _options: [Observation(1.5, {"g": 1})]])
histogram = meter.create_histogram(
    "the.histogram", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1.0]
)
for seconds in (0.05, 0.5, 0.6, 5):
    histogram.record(seconds)
