"""Detectors, and verdicts about a cluster of three, for unit tests."""

from __future__ import annotations

from collections.abc import Callable

from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.topology import Verdict


def verdict(writer: str, began: float) -> Verdict:
    return Verdict(writer, ("a", "b", "c"), began)


def detector(
    writer: str | None = "a",
    *,
    random: Callable[[], float] = lambda: 0.5,
    window: float = 180.0,
    interval: float = 1.0,
) -> Detector:
    """Return a detector that knows `writer`, if one is given."""
    made = Detector(Pace(window, interval), random)
    if writer:
        made.introduce(writer)
    return made
