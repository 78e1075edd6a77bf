"""What a reading of the topology leads to: a verdict is applied, and stale connections are closed.

What was read, decided and done is returned as a report; it is emitted elsewhere, and later.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from aurora_otel.discovery.source import hears_all
from aurora_otel.model.groups import Outcome
from aurora_otel.model.straight import StraightReason, Whereabouts
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Reading
from aurora_otel.model.window import FirstSymptom
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.settings import Mode
from aurora_otel.telemetry import names
from aurora_otel.telemetry.reports import (
    CleanUp,
    FailoverReference,
    FailoverReport,
    RefreshReport,
    StaleReport,
)
from aurora_otel.tracking import invalidation
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import Invalidation

# After these, the server no longer responds.
_SILENT = frozenset(
    {Symptom.CONNECTION_LOST, Symptom.HUNG_UP, Symptom.STUCK, Symptom.CONNECT_FAILED}
)


class FailoverHandler:
    """Acts on the readings of one cluster's topology.

    Args:
        cluster: the cluster.
        context: what it works with.
    """

    def __init__(self, cluster: Cluster, context: AgentContext) -> None:
        self._cluster = cluster
        self._context = context
        # Readings come on several of the agent's threads; of two that saw one change, one is first.
        self._judging = threading.Lock()

    def apply(
        self, reading: Reading, refresh: FirstSymptom
    ) -> RefreshReport | StaleReport | FailoverReport:
        """Apply a reading: judge by its verdict, and close what is stale.

        Args:
            reading: the reading.
            refresh: the refresh itself, which counts as the symptom where there was none before it.

        Returns:
            what was read, decided and done.
        """
        read = self._context.clock()
        with self._judging:
            detector = self._cluster.detector
            ruling = detector.judge(reading.verdict, read) if reading.verdict else None
        if reading.verdict is None or ruling is None:
            return self._refresh_report(reading, refresh, read)
        origin = ruling.first_symptom or refresh
        self._open_routes(reading, reading.verdict.writer, changed=ruling.old_writer is not None)
        invalidations = self._invalidate(reading.verdict.began, origin.kind)
        ended = self._context.clock()
        report = self._refresh_report(reading, refresh, read)
        decided_ns, ended_ns = self._context.timestamps(read, ended)
        clean_up = CleanUp(
            reading.verdict.writer, invalidations, decided_ns, ended_ns, ended - read
        )
        if ruling.old_writer is not None:
            self._end_failover(origin)
            reference = self._reference(report, origin, ruling.old_writer, clean_up.writer)
            # The symptom may have been seen while the topology was read.
            detection = max(0.0, read - origin.at)
            return FailoverReport(report, clean_up, origin, detection, reference)
        return StaleReport(report, clean_up) if invalidations else report

    def _open_routes(self, reading: Reading, writer: str, *, changed: bool) -> None:
        """Lead connects to the writer; before anything is closed, and connects again."""
        cluster, routes, at = self._cluster, self._context.routes, reading.address_of(writer)
        to = None
        if at is not None:
            own_name = self._context.clusters.locate(cluster, writer, cluster.domain, at.port)
            to = Whereabouts(writer, at, own_name)
        routes.confirmed(cluster, to, writer)
        settings = self._context.config.settings
        if changed and settings.may_go_straight:
            now = self._context.clock()
            routes.open_all(cluster, StraightReason.FAILOVER, now, settings.refresh_window)

    def _invalidate(self, began: float, symptom: Symptom) -> list[Invalidation]:
        tracker = self._context.tracker
        # Until all were heard, one that answered early may have become writable: a refusal after it
        # answered may be the application's own doing.
        until = began if hears_all(self._cluster.source) else float("inf")
        claimed = tracker.claim(self._cluster, began, refused_before=until)
        outcomes: Sequence[Outcome | None] = [Outcome.OBSERVED] * len(claimed)
        if self._context.config.settings.mode is not Mode.OBSERVE:
            tracks = (track for track, _ in claimed)
            may_answer = symptom not in _SILENT
            outcomes = invalidation.invalidate(tracks, self._context.clock, may_answer=may_answer)
        return tracker.settle(
            (*each, outcome) for each, outcome in zip(claimed, outcomes, strict=True)
        )

    def _end_failover(self, origin: FirstSymptom) -> None:
        """Count the failover, and allow calls without a refresh."""
        self._cluster.failovers[origin.kind] += 1
        self._cluster.detector.cleaned_up()
        self._cluster.calm(self._context.clock())

    # The report.

    def _refresh_report(
        self, reading: Reading, refresh: FirstSymptom, read: float
    ) -> RefreshReport:
        began, ended = self._context.timestamps(refresh.at, read)
        attributes, seconds = self._cluster.attributes, read - reading.began
        return RefreshReport(attributes, reading, refresh.context, began, ended, seconds)

    def _reference(
        self, report: RefreshReport, origin: FirstSymptom, old_writer: str, new_writer: str
    ) -> FailoverReference:
        writers = {names.OLD_WRITER: old_writer, names.NEW_WRITER: new_writer}
        (began,) = self._context.timestamps(origin.at)
        return FailoverReference(began, {**report.cluster, **writers})
