"""The one agent of the process: started, given other settings, and stopped."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import metrics, trace

from aurora_otel import settings
from aurora_otel.agent import Agent
from aurora_otel.libraries import Libraries
from aurora_otel.runtime import system
from aurora_otel.settings import Mode, QuerySpans, Resolved, Settings, logged
from aurora_otel.telemetry import log, names, upstream
from aurora_otel.telemetry.metrics import Instruments, instruments
from aurora_otel.telemetry.query_spans import QueryTracer
from aurora_otel.telemetry.spans import Spans
from aurora_otel.version import __version__


class Switch:
    """The one agent of the process, and the drivers and pools that report to it."""

    def __init__(self) -> None:
        self.agent: Agent | None = None
        # What counts, and what calls of `instrument()` have said so far.
        self.resolved: Resolved | None = None
        self._arguments: dict[str, Any] = {}
        self._providers: dict[str, Any] = {}
        self._reported: tuple[Mode, frozenset[str] | None] | None = None
        self._lock = threading.RLock()
        self._instruments: Instruments | None = None
        self.libraries = Libraries()
        self._undo_upstream: Callable[[], None] = lambda: None

    def on(self, arguments: Mapping[str, Any], providers: Mapping[str, Any]) -> None:
        """Apply what a call of `instrument()` says, and what the calls before it said."""
        # Before the lock is taken: what reads the configuration file may have to be imported.
        settings.resolve(arguments, os.environ)
        with self._lock:
            both = {**self._arguments, **arguments}
            resolved = settings.resolve(both, os.environ)
            self._arguments = both
            self._providers |= {
                name: given for name, given in providers.items() if given is not None
            }
            if self.resolved is None or self.resolved.bad != resolved.bad:
                logged.errors(resolved.bad)
            self.resolved = resolved
            is_off = resolved.settings.mode is Mode.OFF or system.missing() is not None
            if not is_off:
                self._start(resolved.settings)
        if is_off:
            self._stop()
        else:
            self.libraries.patch_all()
        self._report_start(resolved.settings)

    def _report_start(self, settings: Settings) -> None:
        """Log once what is in force, and again when another mode or other drivers are."""
        agent = self.agent
        mode = agent.settings.mode if agent else Mode.OFF
        if self._reported == (mode, settings.drivers):
            return
        self._reported = mode, settings.drivers
        if (missing := system.missing()) is not None:
            log.cannot_run(missing)
        elif agent is None:
            log.is_off(mode.value)
        else:
            log.started(mode.value, functools.partial(self.libraries.installed, settings))

    def off(self) -> None:
        """Stop, and forget what calls of `instrument()` said."""
        with self._lock:
            self._arguments, self._providers, self.resolved = {}, {}, None
            self._reported = None
        self._stop()

    def _start(self, settings: Settings) -> None:
        tracer_provider = self._providers.get("tracer_provider") or trace.get_tracer_provider()
        meter_provider = self._providers.get("meter_provider") or metrics.get_meter_provider()
        tracer = tracer_provider.get_tracer("aurora_otel", __version__, schema_url=names.SCHEMA_URL)
        spans = Spans(tracer)
        if self._instruments is not None:
            self._instruments.source = None
        self._instruments = instruments(meter_provider)
        repatch = False
        if self.agent is None:
            self.agent = Agent(settings, spans, self._instruments)
            self._undo_upstream = upstream.install()
        else:
            before = self.agent.settings
            self.agent.configure(settings, spans, self._instruments)
            # What decides which drivers are patched, and how.
            repatch = (before.drivers, before.query_spans) != (
                settings.drivers,
                settings.query_spans,
            )
        traced = None
        if settings.query_spans is not QuerySpans.OFF:
            traced = QueryTracer(
                settings.query_spans, tracer, self._instruments, self.agent.shield
            ).traced
        self._instruments.source = self.agent.observations
        self.libraries.report_to(self.agent, traced, repatch=repatch)

    def _stop(self) -> None:
        with self._lock:
            self.libraries.report_to(None, None, repatch=True)
            self._undo_upstream()
            self._undo_upstream = lambda: None
            if self._instruments is not None:
                self._instruments.source = None
            agent, self.agent = self.agent, None
        if agent is not None:
            agent.stop()

    def after_fork_in_child(self) -> None:
        """Start over in a process that was forked."""
        # A thread that does not exist here may have held it.
        self._lock = threading.RLock()
        self.libraries.after_fork_in_child()
        if self.agent is not None:
            self.agent.after_fork_in_child()
