"""The switch.

Usage::

    opentelemetry-instrument python app.py

or, in the application itself::

    from aurora_otel import AuroraInstrumentor

    AuroraInstrumentor().instrument()
"""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from aurora_otel import drivers, settings
from aurora_otel.agent import Agent
from aurora_otel.drivers import dbapi
from aurora_otel.drivers.dbapi.traits import Traits, check_module
from aurora_otel.libraries import Libraries
from aurora_otel.settings import Mode, QuerySpans, Resolved, Settings, logged
from aurora_otel.telemetry import log, upstream
from aurora_otel.telemetry.metrics import Instruments, instruments
from aurora_otel.telemetry.query_spans import QueryTracer
from aurora_otel.telemetry.spans import Spans
from aurora_otel.version import __version__

# Arguments of OpenTelemetry's own, not the agent's settings.
_UPSTREAM = ("skip_dep_check", "raise_exception_on_conflict")
_PROVIDERS = ("tracer_provider", "meter_provider")


class AuroraInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Instruments every installed driver that `aurora-otel` knows."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return none: every entry would be demanded, and one driver is enough."""
        return ()

    def instrument(self, **kwargs: Any) -> None:
        """Start the agent, or apply other settings to the running one.

        What a call leaves out stays as it is: arguments of earlier calls count until
        `uninstrument()`, and win over the configuration file and the environment.

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
        providers = {name: arguments.pop(name) for name in _PROVIDERS if name in arguments}
        _switch.on(arguments, providers)

    def _uninstrument(self, **_: Any) -> None:
        _switch.off()


class _Switch:
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
            if resolved.settings.mode is not Mode.OFF:
                self._start(resolved.settings)
        if resolved.settings.mode is Mode.OFF:
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
        if agent is None:
            log.is_off(mode.value)
        else:
            log.started(mode.value, *self.libraries.installed(settings))

    def off(self) -> None:
        """Stop, and forget what calls of `instrument()` said."""
        with self._lock:
            self._arguments, self._providers, self.resolved = {}, {}, None
            self._reported = None
        self._stop()

    def _start(self, settings: Settings) -> None:
        tracer_provider = self._providers.get("tracer_provider") or trace.get_tracer_provider()
        meter_provider = self._providers.get("meter_provider") or metrics.get_meter_provider()
        spans = Spans(tracer_provider.get_tracer("aurora_otel", __version__))
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
            tracer = QueryTracer(settings.query_spans, tracer_provider, self.agent.shield)
            traced = tracer.traced
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


_switch = _Switch()


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
    connect_timeout: str | tuple[str, ...] | None = None,
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
            shows whether a pooler stands in between. Without it, no pooler is noticed.
        host: the name of connect's argument for the host.
        port: the name of connect's argument for the port.
        connect_timeout: the name of connect's argument for a time-out in seconds, if it has one; or
            the names of those that together limit how long a server may be silent, such as
            `("connect_timeout", "read_timeout")`.

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
    _switch.libraries.add(dbapi.Adapter(module, traits))


def running_agent() -> Agent | None:
    """Return the agent, if one is running."""
    return _switch.agent


def resolved() -> Resolved | None:
    """Return the settings that count, and where each was set; `None` before `instrument()`."""
    return _switch.resolved


def patched() -> frozenset[str]:
    """Return the names of the drivers and pools that are patched now."""
    return _switch.libraries.patched


def _after_fork_in_child() -> None:
    # A thread that does not exist here may have held it.
    _switch._lock = threading.RLock()  # noqa: SLF001 - the module's own
    _switch.libraries.after_fork_in_child()
    if _switch.agent is not None:
        _switch.agent.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
