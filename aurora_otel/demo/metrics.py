"""What the agent's metrics said before the failover and at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aurora_otel.collector import Attributes, MetricPoint

PREFIX = "aurora."


@dataclass(frozen=True)
class Change:
    """A series that changed; of a histogram, `value` is the sum of what it recorded."""

    name: str
    unit: str
    attributes: Attributes
    before: float
    after: float


def changes(exports: Iterable[Sequence[MetricPoint]], before_ns: int) -> list[Change]:
    """Return the agent's series whose value changed after `before_ns`, in Unix nanoseconds."""
    before: dict[object, float] = {}
    after: dict[object, float] = {}
    points: dict[object, MetricPoint] = {}
    for export in exports:
        for point in export:
            if not point.name.startswith(PREFIX):
                continue
            key = (point.name, tuple(sorted((k, str(v)) for k, v in point.attributes.items())))
            points[key] = point
            after[key] = amount(point)
            if point.time_ns <= before_ns:
                before[key] = amount(point)
    return [
        Change(point.name, point.unit, point.attributes, before.get(key, 0), after[key])
        for key, point in sorted(points.items(), key=lambda item: str(item[0]))
        if before.get(key, 0) != after[key]
    ]


def total(
    exports: Iterable[Sequence[MetricPoint]], name: str, attributes: Mapping[str, str] | None = None
) -> float | None:
    """Return what metric `name` adds up to in its last export; `None` if it was not exported.

    Args:
        exports: Metric exports, the oldest first.
        name: Name of the metric.
        attributes: What a series must have to be counted.
    """
    wanted = (attributes or {}).items()
    last: float | None = None
    for export in exports:
        points = [point for point in export if point.name == name]
        if points:
            last = sum(amount(point) for point in points if wanted <= point.attributes.items())
    return last


def amount(point: MetricPoint) -> float:
    """Return the value of a sum or gauge, the sum of a histogram."""
    if point.histogram is not None:
        return point.histogram.sum
    return point.value or 0
