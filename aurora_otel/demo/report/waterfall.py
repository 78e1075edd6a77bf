"""The spans of a failover, in the order in which they began, each below what led to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_otel.demo.report.model import SpanBar
from aurora_otel.demo.trace import FailoverTrace, failovers
from aurora_otel.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aurora_otel.collector import Span, Value
    from aurora_otel.demo.recording import Recording


def waterfall(run: Recording) -> tuple[SpanBar, ...]:
    """Return the spans of every failover that `run` exported."""
    return tuple(bar for trace in failovers(run.telemetry.spans) for bar in _bars(run, trace))


def _bars(run: Recording, trace: FailoverTrace) -> Iterator[SpanBar]:
    depth = 0
    if trace.caller is not None:
        yield _bar(run, trace.caller, 0, "the call that saw the symptom")
        depth = 1
    below = [
        *((depth, span, _remark(span, trace)) for span in _refreshes(run, trace)),
        *((depth + below, span, "") for below, span in trace.tree.walk()),
    ]
    for level, span, remark in sorted(below, key=lambda row: (row[1].start_ns, row[0])):
        yield _bar(run, span, level, remark)


def _refreshes(run: Recording, trace: FailoverTrace) -> Iterator[Span]:
    """Yield every refresh of the topology while the failover went on."""
    failover = trace.tree.span
    for span in run.telemetry.spans:
        if (
            span.name == names.REFRESH_TOPOLOGY.name
            and span.end_ns >= failover.start_ns
            and span.start_ns <= failover.end_ns
        ):
            yield span


def _remark(span: Span, trace: FailoverTrace) -> str:
    return "decided the failover" if span in trace.deciding else "did not decide"


def _bar(run: Recording, span: Span, depth: int, remark: str) -> SpanBar:
    began = run.clock.unix(run.switch.began)
    return SpanBar(
        name=span.name,
        remark=remark,
        depth=depth,
        start=(span.start_ns - began) / 1e9,
        end=(span.end_ns - began) / 1e9,
        attributes=tuple((name, _shown(value)) for name, value in sorted(span.attributes.items())),
    )


def _shown(value: Value) -> str:
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_shown, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
