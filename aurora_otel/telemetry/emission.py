"""The one place that turns reports into spans, log records and measurements."""

from __future__ import annotations

from typing import Any

from opentelemetry.context import Context
from opentelemetry.semconv.attributes.db_attributes import DB_SYSTEM_NAME
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import SpanContext

from aurora_otel.model.topology import Source
from aurora_otel.telemetry import log, names
from aurora_otel.telemetry.metrics import Instruments
from aurora_otel.telemetry.reports import (
    ApiErrorReport,
    ApiEventReport,
    ControlPlaneReport,
    DisagreementReport,
    EndedReport,
    FailoverReport,
    InternalFailureReport,
    KillSwitchReport,
    PruneReport,
    RefreshReport,
    Report,
    StaleReport,
    UnsupportedReport,
)
from aurora_otel.telemetry.spans import Spans


def emit(report: Report, spans: Spans, instruments: Instruments) -> None:  # noqa: C901 - a case for each
    """Emit what `report` says; waits for exporters, span processors and log handlers.

    Args:
        report: what happened.
        spans: makes its spans.
        instruments: record its measurements.
    """
    match report:
        case RefreshReport():
            _refresh(report, spans, instruments)
        case StaleReport():
            _refresh(report.refresh, spans, instruments)
            spans.stale_connections(report.clean_up)
            log.not_shut_down(report.clean_up, Context())
            log.stale_connections(report)
        case FailoverReport():
            _failover(report, spans, instruments)
        case EndedReport():
            _ended(report, instruments)
        case PruneReport():
            spans.prune_connections(report)
        case DisagreementReport():
            log.disagreement(report)
        case ApiErrorReport():
            log.api_error(report.error)
        case ApiEventReport():
            log.api_event(report)
        case ControlPlaneReport():
            spans.control_plane(report)
        case InternalFailureReport():
            log.internal_failure(report.where, report.kind, report.frames)
        case KillSwitchReport():
            log.kill_switch(report)
        case UnsupportedReport():
            log.unsupported(report.driver)


def _refresh(report: RefreshReport, spans: Spans, instruments: Instruments) -> SpanContext:
    reading = report.reading
    measured = {**_measured(report), names.TOPOLOGY_SOURCE: reading.source.value}
    if reading.verdict is None and reading.error:
        measured[ERROR_TYPE] = reading.error
    # What the API alone says answers nothing yet: the refresh that follows it counts.
    if reading.source is Source.SQL or reading.verdict or reading.error:
        instruments.record(names.REFRESH, report.seconds, measured)
    return spans.refresh_topology(report)


def _measured(report: RefreshReport) -> dict[str, Any]:
    """Return the attributes of metrics: a kind that is found out later is no other series."""
    return {name: each for name, each in report.cluster.items() if name != names.CLUSTER_KIND}


def _failover(report: FailoverReport, spans: Spans, instruments: Instruments) -> None:
    deciding = _refresh(report.refresh, spans, instruments)
    measured = _measured(report.refresh)
    instruments.record(names.CLEANUP, report.clean_up.seconds, measured)
    measured[names.SYMPTOM] = report.origin.kind.value
    instruments.record(names.DETECTION, report.detection, measured)
    report.reference.context = spans.failover(report, deciding)
    log.failover(report)
    log.not_shut_down(report.clean_up, report.reference.context)


def _ended(report: EndedReport, instruments: Instruments) -> None:
    for (track, reason), seconds in report.ended:
        group = track.group
        attributes = {names.CLUSTER_ID: group.cluster, DB_SYSTEM_NAME: group.system}
        attributes[names.DRIVER] = group.driver
        instruments.record(names.LIFETIME, seconds, attributes)
        if reason is not None:
            attributes[names.INSTANCE_ID] = group.instance
            log.pruned({**attributes, names.PRUNE_REASON: reason.value})
