"""What the agent's metrics said before the failover and at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aurora_otel.collector import Attributes, MetricPoint

PREFIX = "aurora."


@dataclass(frozen=True)
class Measurements:
    """What a histogram recorded: how many measurements, and their average."""

    count: int
    average: float


Amount: TypeAlias = "float | Measurements"


@dataclass(frozen=True)
class Change:
    """A series that changed: its value, or its measurements if it is a histogram's."""

    name: str
    unit: str
    attributes: Attributes
    before: Amount
    after: Amount


def changes(exports: Iterable[Sequence[MetricPoint]], before_ns: int) -> list[Change]:
    """Return the agent's series that changed after `before_ns`, in Unix nanoseconds."""
    before: dict[object, Amount] = {}
    after: dict[object, Amount] = {}
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
        Change(point.name, point.unit, point.attributes, earlier, after[key])
        for key, point in sorted(points.items(), key=lambda item: str(item[0]))
        if (earlier := before.get(key, _nothing(point))) != after[key]
    ]


def total(
    exports: Iterable[Sequence[MetricPoint]], name: str, attributes: Mapping[str, str] | None = None
) -> float | None:
    """Return what counter `name` adds up to in its last export; `None` if it was not exported.

    Args:
        exports: Metric exports, the oldest first.
        name: Name of the metric.
        attributes: What a series must have to be counted.
    """
    wanted = (attributes or {}).items()
    points = _last(exports, name)
    if not points:
        return None
    return sum(point.value or 0 for point in points if wanted <= point.attributes.items())


def average(exports: Iterable[Sequence[MetricPoint]], name: str) -> float | None:
    """Return the average of what histogram `name` measured; `None` if it measured nothing."""
    histograms = [point.histogram for point in _last(exports, name) if point.histogram is not None]
    measured = sum(histogram.count for histogram in histograms)
    return sum(histogram.sum for histogram in histograms) / measured if measured else None


def amount(point: MetricPoint) -> Amount:
    """Return the value of a sum or gauge, the measurements of a histogram."""
    if point.histogram is None:
        return point.value or 0
    measured = point.histogram.count
    return Measurements(measured, point.histogram.sum / measured if measured else 0)


def _nothing(point: MetricPoint) -> Amount:
    return 0 if point.histogram is None else Measurements(0, 0)


def _last(exports: Iterable[Sequence[MetricPoint]], name: str) -> list[MetricPoint]:
    last: list[MetricPoint] = []
    for export in exports:
        last = [point for point in export if point.name == name] or last
    return last
