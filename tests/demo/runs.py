"""Builds recordings of runs for the tests: a switchover at second 10, published at 11."""

from dataclasses import replace

from aurora_otel.collector import (
    Histogram,
    MetricKind,
    MetricPoint,
    Scope,
    Span,
    SpanKind,
    SpanStatus,
    Temporality,
)
from aurora_otel.collector.records import Link
from aurora_otel.demo.recording import (
    Call,
    Clock,
    Operation,
    Outcome,
    Recording,
    Sample,
    Telemetry,
)
from aurora_otel.demo.result import Result
from aurora_otel.lab import Failover, Switch

BEGAN, PUBLISHED, REFUSED, ENDED = 10.0, 11.0, 11.5, 20.0
OLD, NEW = "lab-1", "lab-2"
SCOPE = Scope("aurora_otel", "0")


def write(client, start, end, outcome=Outcome.OK, *, connection=1, error=""):  # noqa: PLR0913 - as many as a call has
    return Call(Operation.WRITE, client, connection, start, end, outcome, error)


def connect(client, start, end, outcome=Outcome.CONNECTED):
    return Call(Operation.CONNECT, client, 1, start, end, outcome)


def sample(at, on_old_writer):
    return Sample(at, NEW, {OLD: on_old_writer, NEW: 20 - on_old_writer})


def recording(*calls, name="with", settings=None, in_flight=(), samples=(), left=0, **telemetry):
    return Recording(
        name=name,
        settings=settings or {},
        started=0,
        switch=Switch(Failover.SWITCHOVER, OLD, NEW, BEGAN, PUBLISHED, REFUSED),
        published=PUBLISHED,
        used_idle=14,
        ended=ENDED,
        calls=calls,
        in_flight=in_flight,
        samples=samples,
        sessions={OLD: left, NEW: 20 - left},
        terminated=False,
        output="",
        clock=Clock(monotonic=BEGAN, unix_ns=unix_ns(BEGAN)),
        telemetry=Telemetry(**telemetry),
    )


def unix_ns(monotonic):
    """The wall clock of these recordings: monotonic time and a million seconds."""
    return round((1_000_000 + monotonic) * 1e9)


def span(name, start, end, *, id_, parent=None, links=(), **attributes):  # noqa: PLR0913 - as many as a span has
    return Span(
        name=name,
        kind=SpanKind.INTERNAL,
        trace_id="t",
        span_id=id_,
        parent_id=parent,
        start_ns=unix_ns(start),
        end_ns=unix_ns(end),
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
        events=(),
        links=tuple(Link("t", linked, {}) for linked in links),
        status=SpanStatus.UNSET,
        status_message="",
        scope=SCOPE,
        resource={},
    )


def failover_spans(verdict=12.0):
    return (
        span("refresh topology", 11.6, verdict, id_="refresh", parent="call"),
        span(
            "failover",
            11.55,
            12.1,
            id_="failover",
            parent="call",
            links=["refresh"],
            aurora__failover__symptom="read_only",
        ),
        span("invalidate connections", 12.0, 12.1, id_="invalidate", parent="failover"),
        span("INSERT", 11.5, 12.2, id_="call"),
    )


def point(name, value=None, *, at=0.0, total=None, count=1, **attributes):
    histogram = None if total is None else Histogram(count, total, (1.0,), (count, 0))
    return MetricPoint(
        export=0,
        name=name,
        unit="s",
        description="",
        kind=MetricKind.SUM if histogram is None else MetricKind.HISTOGRAM,
        monotonic=True,
        temporality=Temporality.CUMULATIVE,
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
        value=value,
        histogram=histogram,
        start_ns=0,
        time_ns=unix_ns(at),
        scope=SCOPE,
        resource={},
    )


AGAIN = (write("writer-1", 13, 13.1), write("idle-1", 14, 14.1))
TELEMETRY = {"spans": failover_spans(), "exports": ((point("aurora.failovers", 1, at=13),),)}


def without():
    refused = [write("writer-1", t, t, Outcome.REFUSED) for t in (12, 15, 19.5)]
    return recording(*refused, name="without", samples=(sample(12, 20),), left=20)


def with_agent(*calls, **more):
    return recording(*AGAIN, *calls, samples=(sample(12, 0),), **{**TELEMETRY, **more})


def hung(*, symptom="stuck"):
    refresh, failover, *rest = failover_spans()
    failover = replace(failover, attributes={"aurora.failover.symptom": symptom})
    return recording(
        write("writer-1", 10.5, 12.5, Outcome.CLOSED),
        *AGAIN,
        name="with_every_thread_hung",
        settings={"AURORA_OTEL_STUCK_AFTER": "2"},
        spans=(refresh, failover, *rest),
        exports=TELEMETRY["exports"],
    )


def result(failover=Failover.SWITCHOVER, **runs):
    runs = {"without": without(), "with_agent": with_agent(), "every_thread_hung": None, **runs}
    return Result(engine="postgresql", failover=failover, versions={}, **runs)
