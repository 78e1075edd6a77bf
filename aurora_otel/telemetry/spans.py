"""Spans, and which span each is below.

What is made on the agent's own threads is given an explicit context: such a thread may have been
started inside a request, and must not inherit its span.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.semconv.attributes.db_attributes import DB_SYSTEM_NAME
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, Tracer

from aurora_otel.model.former_writers import Cause
from aurora_otel.model.groups import Outcome
from aurora_otel.telemetry import names
from aurora_otel.telemetry.reports import (
    CleanUp,
    ControlPlaneReport,
    FailoverReport,
    PruneReport,
    RefreshReport,
)
from aurora_otel.tracking.track import Invalidation

MOST_LINKS = 32


class Spans:
    """Makes the spans of one agent.

    Args:
        tracer: of the tracer provider that the agent was given.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def track_connection(self, began: int, attributes: Mapping[str, Any]) -> SpanContext | None:
        """Make the span of a connect; return its context if it is sampled.

        Args:
            began: nanoseconds since the epoch.
            attributes: as they are.
        """
        span = self._tracer.start_span(names.TRACK.name, start_time=began, attributes=attributes)
        span.end()
        context = span.get_span_context()
        return context if context.trace_flags.sampled else None

    def prune_connections(self, report: PruneReport) -> None:
        """Make the span of a round of pruning that dropped something."""
        attributes = {
            names.PRUNES_PREFIX + reason.value: count for reason, count in report.reasons.items()
        }
        self._tracer.start_span(
            names.PRUNE.name, Context(), start_time=report.began, attributes=attributes
        ).end(report.ended)

    def refresh_topology(self, report: RefreshReport) -> SpanContext:
        """Make the span of a refresh; return its context."""
        reading = report.reading
        attributes: dict[str, Any] = {
            **report.cluster,
            names.TOPOLOGY_SOURCE: reading.source.value,
            names.TOPOLOGY_INSTANCES: list(reading.instances),
            names.TOPOLOGY_CONFIRMED: reading.verdict is not None,
        }
        if reading.named:
            attributes[names.TOPOLOGY_WRITER_ID] = reading.named
        span = self._tracer.start_span(
            names.REFRESH_TOPOLOGY.name,
            report.context,
            start_time=report.began,
            attributes=attributes,
        )
        if reading.verdict is None and reading.error:
            span.set_attribute(ERROR_TYPE, reading.error)
            span.set_status(Status(StatusCode.ERROR))
        span.end(report.ended)
        return span.get_span_context()

    def failover(self, report: FailoverReport, deciding: SpanContext) -> Context:
        """Make the span of a failover, and one below it for each instance cleaned up.

        Args:
            report: the failover.
            deciding: the span of the refresh that brought the verdict.

        Returns:
            the context in which the span is the current one, for the log record.
        """
        span = self._tracer.start_span(
            names.FAILOVER.name,
            report.origin.context,
            start_time=report.reference.began,
            attributes=report.attributes,
            links=[Link(deciding)],
        )
        below = trace.set_span_in_context(span, report.origin.context)
        self._invalidate_connections(below, report.clean_up)
        span.end(report.clean_up.ended)
        return below

    def stale_connections(self, clean_up: CleanUp) -> None:
        """Make the spans of stale connections that a later verdict of the same writer found."""
        self._invalidate_connections(Context(), clean_up)

    def control_plane(self, report: ControlPlaneReport) -> None:
        """Make the span of RDS's own events about a failover."""
        times = [int(event.at.timestamp() * 1e9) for event in report.events]
        self._tracer.start_span(
            names.CONTROL_PLANE.name,
            report.failover.context,
            start_time=min(times),
            attributes=report.failover.attributes,
        ).end(max(times))

    def _invalidate_connections(self, context: Context, clean_up: CleanUp) -> None:
        """Make a span for each cluster, instance and cause among the invalidations."""
        groups: dict[tuple[str, str, str, Cause], list[Invalidation]] = {}
        for invalidation in clean_up.invalidations:
            track, cause, _ = invalidation
            group = track.group
            key = (group.cluster, group.system, group.instance, cause)
            groups.setdefault(key, []).append(invalidation)
        for (cluster, system, instance, cause), members in groups.items():
            opened_in = [track.opened_in for track, _, _ in members if track.opened_in]
            outcomes = Counter(outcome for _, _, outcome in members)
            span = self._tracer.start_span(
                names.INVALIDATE.name,
                context,
                start_time=clean_up.decided,
                links=[Link(opened) for opened in opened_in[:MOST_LINKS]],
                attributes={
                    names.CLUSTER_ID: cluster,
                    DB_SYSTEM_NAME: system,
                    names.INSTANCE_ID: instance,
                    names.INVALIDATION_CAUSE: cause.value,
                    **{
                        names.INVALIDATIONS_PREFIX + outcome.value: outcomes[outcome]
                        for outcome in Outcome
                    },
                },
            )
            span.end(clean_up.ended)
