"""What is seen of the cluster while the drill goes on: the writer, and the agent's connections."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from aurora_otel.demo.recording import Sample
from aurora_otel.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aurora_otel.collector import Collector
    from aurora_otel.demo.recording import Timeline
    from aurora_otel.doctor.walking import Way


class Watch:
    """Reads the topology as the agent does, and what the agent exports.

    Attributes:
        writer: the instance that last confirmed that it is the writer.
        changed: when another one than before first did, in seconds of the monotonic clock.

    Args:
        way: to the writer.
        writer: the writer before.
        collector: what the workload's agent exports to.
        timeline: where samples go.
    """

    def __init__(self, way: Way, writer: str, collector: Collector, timeline: Timeline) -> None:
        self.writer = writer
        self.changed: float | None = None
        self._way = way
        self._before = writer
        self._collector = collector
        self._timeline = timeline

    def read(self) -> None:
        """Read once."""
        verdict = self._way.read(self._way.targets).verdict
        if verdict is not None:
            self.writer = verdict.writer
            if self.changed is None and self.writer != self._before:
                self.changed = time.monotonic()
        self._timeline.sampled(Sample(time.monotonic(), self.writer, self.connections()))

    def connections(self) -> Mapping[str, int]:
        """Return the workload's open connections by instance, as its agent last exported."""
        counted: Counter[str] = Counter(dict.fromkeys(self._way.members, 0))
        for point in self._collector.latest(names.COUNT.name):
            counted[str(point.attributes[names.INSTANCE_ID])] += round(point.value or 0)
        return dict(counted)
