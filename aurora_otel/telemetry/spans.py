"""Spans: what is done and decided, as it happens.

Everything on threads of ours is given an explicit context: such a thread may have been started
inside a request, and must not inherit its span.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.semconv.attributes.db_attributes import DB_SYSTEM_NAME
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, Tracer

from aurora_otel.discovery.rds.answers import ApiEvent
from aurora_otel.model.detector import Cause
from aurora_otel.model.groups import Outcome, PruneReason
from aurora_otel.model.topology import Reading
from aurora_otel.telemetry import names
from aurora_otel.tracking.tracker import Invalidation

MOST_LINKS = 32


@dataclass(frozen=True, slots=True)
class FailoverStory:
    """What the span and the log record of a failover tell.

    Attributes:
        attributes: of both.
        context: of the call that saw the symptom.
        began: when that was, in nanoseconds since the epoch.
        decided: when the verdict came.
        ended: when the last stale connection was shut down.
        deciding: the look that brought the verdict.
    """

    attributes: Mapping[str, Any]
    context: Context
    began: int
    decided: int
    ended: int
    deciding: SpanContext


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

    def prune_connections(self, began: int, reasons: Mapping[PruneReason, int]) -> None:
        """Make the span of a round of pruning that dropped something."""
        attributes = {names.PRUNES_PREFIX + key.value: count for key, count in reasons.items()}
        self._tracer.start_span(
            names.PRUNE.name, Context(), start_time=began, attributes=attributes
        ).end()

    def refresh_topology(
        self, context: Context, began: int, reading: Reading, cluster: Mapping[str, Any]
    ) -> SpanContext:
        """Make the span of a look.

        Args:
            context: of the call that looks.
            began: nanoseconds since the epoch.
            reading: what it brought.
            cluster: attributes of the cluster.
        """
        attributes: dict[str, Any] = {
            **cluster,
            names.TOPOLOGY_SOURCE: reading.source.value,
            names.TOPOLOGY_INSTANCES: list(reading.instances),
            names.TOPOLOGY_CONFIRMED: reading.verdict is not None,
        }
        if reading.named:
            attributes[names.TOPOLOGY_WRITER_ID] = reading.named
        span = self._tracer.start_span(
            names.REFRESH_TOPOLOGY.name, context, start_time=began, attributes=attributes
        )
        if reading.verdict is None and reading.error:
            span.set_attribute(ERROR_TYPE, reading.error)
            span.set_status(Status(StatusCode.ERROR))
        span.end()
        return span.get_span_context()

    def failover(self, story: FailoverStory, invalidations: Iterable[Invalidation]) -> Context:
        """Make the span of a failover, and one below it for each instance cleaned up.

        Returns:
            the context in which the span is the current one, for the log record.
        """
        span = self._tracer.start_span(
            names.FAILOVER.name,
            story.context,
            start_time=story.began,
            attributes=story.attributes,
            links=[Link(story.deciding)],
        )
        below = trace.set_span_in_context(span, story.context)
        self.invalidate_connections(below, story.decided, story.ended, invalidations)
        span.end(story.ended)
        return below

    def control_plane(
        self, context: Context, attributes: Mapping[str, Any], events: Sequence[ApiEvent]
    ) -> None:
        """Make the span of what RDS told of a failover.

        Args:
            context: of the failover's span.
            attributes: of the failover.
            events: at least one.
        """
        times = [int(event.at.timestamp() * 1e9) for event in events]
        span = self._tracer.start_span(
            names.CONTROL_PLANE.name, context, start_time=min(times), attributes=attributes
        )
        for event, at in zip(events, times, strict=True):
            told = {names.EVENT_KIND: event.kind.value, names.EVENT_MESSAGE: event.message}
            span.add_event(names.RDS_EVENT, told, timestamp=at)
        span.end(max(times))

    def invalidate_connections(
        self, context: Context, began: int, ended: int, invalidations: Iterable[Invalidation]
    ) -> None:
        """Make a span for each cluster, instance and cause among `invalidations`."""
        groups: dict[tuple[str, str, str, Cause], list[Invalidation]] = {}
        for invalidation in invalidations:
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
                start_time=began,
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
            for track, _, outcome in members:
                if outcome is Outcome.FAILED:
                    driver = {names.DRIVER: track.group.driver}
                    span.add_event(names.INVALIDATION_FAILED, driver, timestamp=ended)
            span.end(ended)
