"""A running agent, and what it exports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import aurora_otel
from aurora_otel.instrumentor import running_agent


@dataclass
class Exported:
    """What the agent has exported so far."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def flush(self) -> None:
        """Wait until everything that was reported is emitted."""
        if (agent := running_agent()) is not None:
            assert agent.reporter.flush(30)

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        self.flush()
        return [s for s in self.exporter.get_finished_spans() if name in (None, s.name)]

    def metric(self, name: str, **attributes: str) -> float:
        """Return the sum of a metric's points.

        Attributes are given as `instance_id="lab-1"`, without `aurora.`.
        """
        wanted = {f"aurora.{key.replace('_', '.', 1)}": value for key, value in attributes.items()}
        return sum(
            getattr(point, "value", getattr(point, "count", 0))
            for point in self.points(name)
            if wanted.items() <= dict(point.attributes).items()
        )

    def points(self, name: str) -> list[Any]:
        self.flush()
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@dataclass
class Agent:
    """A running agent, what it exports, and the meter provider that it was given."""

    exported: Exported
    meters: MeterProvider

    @property
    def internals(self) -> Any:
        return running_agent()

    def tracked(self, instance: str | None = None) -> int:
        return sum(
            sum(each.connections.values())
            for cluster in aurora_otel.snapshot().clusters
            for each in cluster.instances
            if instance in (None, each.id)
        )
