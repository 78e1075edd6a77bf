"""The switch.

Usage::

    opentelemetry-instrument python app.py

or, in the application itself::

    from aurora_otel import AuroraInstrumentor

    AuroraInstrumentor().instrument()
"""

from __future__ import annotations

import functools
import operator
import os
import sys
import threading
import time
from collections.abc import Callable, Collection
from types import ModuleType
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from aurora_otel import drivers, pools
from aurora_otel.agent import Agent
from aurora_otel.drivers import dbapi
from aurora_otel.drivers.dbapi.traits import Traits, check_module
from aurora_otel.drivers.protocol import Traced
from aurora_otel.runtime.imports import (
    ImportHook,
    is_being_imported,
    is_being_imported_here,
    when_imported,
)
from aurora_otel.settings import QuerySpans, Settings
from aurora_otel.telemetry import log, upstream
from aurora_otel.telemetry.metrics import Instruments, instruments
from aurora_otel.telemetry.query_spans import QueryTracer
from aurora_otel.telemetry.spans import Spans
from aurora_otel.version import __version__

_Registration = drivers.Registration | pools.Registration
_REGISTRY: tuple[_Registration, ...] = (*drivers.REGISTRY, *pools.REGISTRY)
_NAMES = tuple(registration.name for registration in _REGISTRY)
# How long `instrument()` waits for what other threads are importing: seconds.
_LONGEST_IMPORT = 2.0
# Arguments of OpenTelemetry's own, not settings of ours.
_UPSTREAM = ("skip_dep_check", "raise_exception_on_conflict")


class AuroraInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Instruments every installed driver that `aurora-otel` knows."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return none: every entry would be demanded, and one driver is enough."""
        return ()

    def instrument(self, **kwargs: Any) -> None:
        """Start the agent, or apply other settings to the running one.

        Args:
            kwargs: the settings, by lower-case name (see the README); `tracer_provider`
                and `meter_provider` instead of the global ones.

        Raises:
            ValueError: an argument is unknown, or has a value that is not allowed.
        """
        if not self._is_instrumented_by_opentelemetry:
            super().instrument(**kwargs)
        else:
            self._instrument(**kwargs)

    def _instrument(self, **kwargs: Any) -> None:
        arguments = {name: value for name, value in kwargs.items() if name not in _UPSTREAM}
        tracer_provider = arguments.pop("tracer_provider", None)
        meter_provider = arguments.pop("meter_provider", None)
        _switch.on(Settings.resolve(arguments), tracer_provider, meter_provider)

    def _uninstrument(self, **_: Any) -> None:
        _switch.off()


class _Switch:
    """The one agent of the process, and the drivers and pools that report to it."""

    def __init__(self) -> None:
        self.agent: Agent | None = None
        self._lock = threading.RLock()
        self._instruments: Instruments | None = None
        # What is being patched, by whichever thread, and how often what decides on it has changed.
        self._patching: set[str] = set()
        self._generation = 0
        # What was found in the place of a library and is none.
        self._strangers: set[str] = set()
        self._undo: dict[str, Callable[[], None]] = {}
        # By name, the modules that somebody has said something of.
        self._others: dict[str, dbapi.Adapter] = {}
        self._undo_upstream: Callable[[], None] = lambda: None
        self._traced: Traced | None = None

    def on(self, settings: Settings, tracer_provider: Any, meter_provider: Any) -> None:
        with self._lock:
            tracer_provider = tracer_provider or trace.get_tracer_provider()
            meter_provider = meter_provider or metrics.get_meter_provider()
            spans = Spans(tracer_provider.get_tracer("aurora_otel", __version__))
            if self._instruments is not None:
                self._instruments.source = None
            self._instruments = instruments(meter_provider)
            if self.agent is None:
                self.agent = Agent(settings, spans, self._instruments)
                self._undo_upstream = upstream.install()
            else:
                before = self.agent.settings
                self.agent.configure(settings, spans, self._instruments)
                # What decides which drivers are patched, and how.
                if (before.drivers, before.query_spans) != (settings.drivers, settings.query_spans):
                    self._unpatch()
            self._traced = None
            if settings.query_spans is not QuerySpans.OFF:
                tracer = QueryTracer(settings.query_spans, tracer_provider, self.agent.shield)
                self._traced = tracer.traced
            self._instruments.source = self.agent.observations
            for other in self._others.values():
                self._patch_other(other)
        self._patch_all()

    def off(self) -> None:
        with self._lock:
            self._unpatch()
            self._undo_upstream()
            if self._instruments is not None:
                self._instruments.source = None
            agent, self.agent = self.agent, None
        if agent is not None:
            agent.stop()

    def after_fork_in_child(self) -> None:
        # A thread that does not exist here may have held the lock, or been patching.
        self._lock = threading.RLock()
        self._patching = set()

    def add(self, driver: dbapi.Adapter) -> None:
        with self._lock:
            # Of what is said of one module, the last counts.
            others = [name for name, one in self._others.items() if one.module is driver.module]
            if driver.name in {*_NAMES, *self._others} - {*others}:
                raise ValueError(f"name={driver.name!r} is not valid: it is another driver's")
            for name in others:
                del self._others[name]
                self._undo.pop(name, lambda: None)()
            self._others[driver.name] = driver
            self._patch_other(driver)

    def _unpatch(self) -> None:
        self._generation += 1
        while self._undo:
            _, undo = self._undo.popitem()
            undo()

    # Without the lock: what is patched is imported, and the thread that imports it may want it.

    def _patch_all(self) -> None:
        """Patch what is imported; what other threads are importing, as soon as they have."""
        _imports.install()
        pending = []
        for registration in _REGISTRY:
            if is_being_imported(registration.module):
                patch = functools.partial(self._patch_if_imported, registration)
                thread = when_imported(registration.module, patch)
                if thread is not None and not is_being_imported_here(registration.module):
                    pending.append(thread)
            else:
                self._patch_if_imported(registration)
        deadline = time.monotonic() + _LONGEST_IMPORT
        for thread in pending:
            # It may be waiting for something that this thread holds.
            thread.join(max(0.0, deadline - time.monotonic()))

    def imported(self, name: str, module: ModuleType) -> None:
        """Patch what was imported, and again what was reloaded."""
        for registration in _REGISTRY:
            if registration.module == name:
                self._patch(registration, module, again=True)

    def _patch_if_imported(self, registration: _Registration) -> None:
        module = sys.modules.get(registration.module)
        if module is not None:
            self._patch(registration, module)

    def _patch(
        self, registration: _Registration, module: ModuleType, *, again: bool = False
    ) -> None:
        name = registration.name
        with self._lock:
            agent, generation = self.agent, self._generation
            before = self._undo.pop(name, None) if again else None
            if agent is None or name in self._undo or name in self._patching:
                return
            self._patching.add(name)
        undo, is_current = None, True
        try:
            if before is not None:
                agent.shield.run(f"take the patches off {name}", before)
            undo = agent.shield.run(f"patch {name}", self._install, agent, registration, module)
        finally:
            with self._lock:
                self._patching.discard(name)
                is_current = self._generation == generation
                if undo is not None and is_current:
                    self._undo[name] = undo
        if not is_current:
            if undo is not None:
                undo()
            self._patch(registration, module)

    def _install(
        self, agent: Agent, registration: _Registration, module: ModuleType
    ) -> Callable[[], None] | None:
        if not self._is_the_library(registration, module):
            return None
        if isinstance(registration, pools.Registration):
            return registration.load().install(module, agent)
        if agent.settings.drivers is None or registration.name in agent.settings.drivers:
            return registration.load().install(module, agent, self._traced)
        return None

    def _is_the_library(self, registration: _Registration, module: ModuleType) -> bool:
        """Whether a module is the library, and nothing that was put in its place."""
        if issubclass(type(module), ModuleType):
            # `pymysql.install_as_MySQLdb()` puts itself in the other's place.
            return module.__name__ == registration.module
        if registration.module not in self._strangers:
            self._strangers.add(registration.module)
            log.no_module(registration.module, type(module).__qualname__)
        return False

    def _patch_other(self, driver: dbapi.Adapter) -> None:
        agent = self.agent
        if agent is not None and driver.name not in self._undo:
            undo = agent.shield.run(
                f"patch {driver.name}", driver.install, driver.module, agent, self._traced
            )
            if undo is not None:
                self._undo[driver.name] = undo


_switch = _Switch()
_imports = ImportHook({registration.module for registration in _REGISTRY}, _switch.imported)


def instrument_dbapi(  # noqa: PLR0913 - all that PEP 249 leaves open
    module: ModuleType,
    *,
    system: str,
    fileno: Callable[[Any], Any] = operator.methodcaller("fileno"),
    name: str | None = None,
    error_code: Callable[[Any], Any] | None = None,
    backend_id: Callable[[Any], Any] | None = None,
    host: str = "host",
    port: str = "port",
    connect_timeout: str | None = None,
) -> None:
    """Instrument a PEP 249 driver that aurora-otel does not know.

    Before or after `instrument()`; from then on, it is switched on and off with all the others,
    whatever the setting `DRIVERS` says. Its connections and cursors become proxies. See
    `docs/adding-a-driver.md` for what that means, and how to do better.

    Args:
        module: the driver's, with `connect` and `Error`.
        system: `db.system.name`: `postgresql` or `mysql`.
        fileno: returns the descriptor of a connection's socket, or the socket; by default the
            connection's own `fileno()`. Without it nothing can be cleaned up.
        name: what telemetry calls it, `aurora.driver`; by default the module's name.
        error_code: returns the SQLSTATE (PostgreSQL) or the number (MySQL) of one of the driver's
            exceptions, if it has one; by default it is `sqlstate` or `pgcode`, or the first
            argument.
        backend_id: returns the server's number for the session as the login handed it out, which
            tells whether a pooler stands in between. Without it, no pooler is noticed.
        host: the name of connect's argument for the host.
        port: the name of connect's argument for the port.
        connect_timeout: the name of connect's argument for a time-out in seconds, if it has one.

    Raises:
        TypeError: an argument is of another type.
        ValueError: an argument has a value that is not allowed, or the driver is known.
    """
    check_module(module)
    for known in drivers.REGISTRY:
        if f"{module.__name__}.".startswith(f"{known.module}."):
            raise ValueError(
                f"module={module.__name__!r} is not valid: aurora-otel instruments it by itself,"
                f" as driver {known.name!r}"
            )
    name = module.__name__.lower() if name is None else name
    traits = Traits(name, system, fileno, error_code, backend_id, host, port, connect_timeout)
    _switch.add(dbapi.Adapter(module, traits))


def running_agent() -> Agent | None:
    """Return the agent, if one is running."""
    return _switch.agent


def patched() -> frozenset[str]:
    """Return the names of the drivers and pools that are patched now."""
    return frozenset(_switch._undo)  # noqa: SLF001 - the module's own


def _after_fork_in_child() -> None:
    _switch.after_fork_in_child()
    if _switch.agent is not None:
        _switch.agent.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
