"""Exporters that work, fail or block, as they are configured."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from enum import Enum
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

_INTERVAL = 200


class Mode(str, Enum):
    """What exporters do."""

    WORK = "work"
    FAIL = "fail"
    BLOCK = "block"


class Backend:
    """What all exporters lead to."""

    def __init__(self) -> None:
        self._failing = False
        self._open = threading.Event()
        self._open.set()

    def become(self, mode: Mode) -> None:
        """Work, fail or block from now on."""
        self._failing = mode is Mode.FAIL
        if mode is Mode.BLOCK:
            self._open.clear()
        else:
            self._open.set()

    def receive(self, *, may_block: bool) -> None:
        """Take what is exported, or fail to."""
        if may_block:
            self._open.wait()
        if self._failing:
            raise ConnectionError("the collector is on fire")


class _Spans(SpanExporter):
    def __init__(self, backend: Backend, *, may_block: bool) -> None:
        self._backend = backend
        self._may_block = may_block

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._backend.receive(may_block=self._may_block)
        return SpanExportResult.SUCCESS


class _Metrics(MetricExporter):
    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self._backend = backend

    def export(self, metrics_data: Any, timeout_millis: float = 0, **_: Any) -> MetricExportResult:
        self._backend.receive(may_block=True)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 0) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 0, **_: Any) -> None:
        pass


def providers(backend: Backend) -> tuple[TracerProvider, MeterProvider]:
    """Return providers whose every span and metric goes to `backend`.

    What exports inside the application's call may fail there, but blocks only on a thread.
    """
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(_Spans(backend, may_block=False)))
    tracers.add_span_processor(BatchSpanProcessor(_Spans(backend, may_block=True)))
    reader = PeriodicExportingMetricReader(_Metrics(backend), export_interval_millis=_INTERVAL)
    return tracers, MeterProvider([reader])
