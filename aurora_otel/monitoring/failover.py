"""What a reading of the topology leads to: a verdict applied, stale connections gone, all told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import SpanContext

from aurora_otel.model.detector import FirstSymptom
from aurora_otel.model.groups import Outcome
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Reading, Source
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.settings import Mode
from aurora_otel.telemetry import log, names
from aurora_otel.telemetry.spans import FailoverStory
from aurora_otel.tracking import invalidation
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.tracker import Invalidation

# After these, nobody answers any more.
_SILENT = frozenset({Symptom.CONNECTION_LOST, Symptom.HUNG_UP, Symptom.STUCK})


@dataclass(frozen=True, slots=True)
class ReportedFailover:
    """A failover that was told.

    Attributes:
        context: in which its span is the current one.
        began: when its first symptom was seen, in nanoseconds since the epoch.
        attributes: its cluster, the old writer and the new one.
    """

    context: Context
    began: int
    attributes: Mapping[str, Any]


class FailoverHandler:
    """Acts on the readings of one cluster's topology.

    Attributes:
        reported: the last failover.
    """

    def __init__(self, cluster: Cluster, context: AgentContext) -> None:
        self.reported: ReportedFailover | None = None
        self._cluster = cluster
        self._context = context
        # Readings come on several threads of ours; of two that saw one change, one is the first.
        self._judging = threading.Lock()

    def apply(self, reading: Reading, refresh: FirstSymptom) -> bool:
        """Apply a reading; return whether it brought another writer.

        Args:
            reading: the reading.
            refresh: the refresh itself, which counts as the symptom where there was none before it.
        """
        span = self._report_refresh(reading, refresh)
        if reading.verdict is None:
            return False
        decided_at = self._context.clock()
        with self._judging:
            ruling = self._cluster.detector.judge(reading.verdict)
        if ruling is None:
            return False
        origin = ruling.first_symptom or refresh
        invalidations = self._clean_up(reading.verdict.began, origin.kind)
        ended_at = self._context.clock()
        began, decided, ended = self._timestamps(origin.at, decided_at, ended_at)
        if ruling.old_writer is None:
            if invalidations:
                self._report_stale(reading.verdict.writer, invalidations, decided, ended)
            return False
        self._cluster.failovers[origin.kind] += 1
        self._cluster.detector.cleaned_up()
        self._cluster.calm(self._context.clock())
        attributes = {
            **self._cluster.attributes,
            names.SYMPTOM: origin.kind.value,
            names.OLD_WRITER: ruling.old_writer,
            names.NEW_WRITER: reading.verdict.writer,
            names.INVALIDATED: len(invalidations),
        }
        self._measure(origin, decided_at, ended_at)
        story = FailoverStory(attributes, origin.context, began, decided, ended, span)
        context = self._context.config.spans.failover(story, invalidations)
        log.failover(attributes, _outcomes(invalidations), context)
        about = (*self._cluster.attributes, names.OLD_WRITER, names.NEW_WRITER)
        self.reported = ReportedFailover(context, began, {name: attributes[name] for name in about})
        return True

    def _clean_up(self, began: float, symptom: Symptom) -> list[Invalidation]:
        tracker = self._context.tracker
        claimed = tracker.claim(self._cluster, began)
        outcomes: Sequence[Outcome | None] = [Outcome.OBSERVED] * len(claimed)
        if self._context.config.settings.mode is not Mode.OBSERVE:
            tracks = (track for track, _ in claimed)
            may_answer = symptom not in _SILENT
            outcomes = invalidation.invalidate(tracks, self._context.clock, may_answer=may_answer)
        return tracker.settle(
            (*each, outcome) for each, outcome in zip(claimed, outcomes, strict=True)
        )

    def _report_refresh(self, reading: Reading, refresh: FirstSymptom) -> SpanContext:
        measured: dict[str, Any] = {
            **self._cluster.attributes,
            names.TOPOLOGY_SOURCE: reading.source.value,
        }
        if reading.verdict is None and reading.error:
            measured[ERROR_TYPE] = reading.error
        # What the API alone says answers nothing yet: the refresh that follows it counts.
        if reading.source is Source.SQL or reading.verdict or reading.error:
            seconds = self._context.clock() - reading.began
            self._context.config.instruments.record(names.REFRESH, seconds, measured)
        (began,) = self._timestamps(refresh.at)
        return self._context.config.spans.refresh_topology(
            refresh.context, began, reading, self._cluster.attributes
        )

    def _report_stale(
        self, writer: str, invalidations: list[Invalidation], decided: int, ended: int
    ) -> None:
        self._context.config.spans.invalidate_connections(Context(), decided, ended, invalidations)
        log.stale_connections(
            {
                **self._cluster.attributes,
                names.NEW_WRITER: writer,
                names.INVALIDATED: len(invalidations),
            },
            _outcomes(invalidations),
        )

    def _timestamps(self, *moments: float) -> list[int]:
        """Return moments of the monotonic clock in nanoseconds since the epoch, for spans.

        Counted back from the present: the wall clock may have been set meanwhile.
        """
        now, now_ns = self._context.clock(), time.time_ns()
        return [now_ns - round((now - moment) * 1e9) for moment in moments]

    def _measure(self, origin: FirstSymptom, decided: float, ended: float) -> None:
        record = self._context.config.instruments.record
        measured: dict[str, Any] = dict(self._cluster.attributes)
        record(names.CLEANUP, ended - decided, measured)
        measured[names.SYMPTOM] = origin.kind.value
        record(names.DETECTION, decided - origin.at, measured)


def _outcomes(invalidations: Sequence[Invalidation]) -> Counter[str]:
    return Counter(each.outcome.value for each in invalidations)
