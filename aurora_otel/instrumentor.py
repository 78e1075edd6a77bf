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
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePath
from types import ModuleType
from typing import Any, Literal, NoReturn

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from aurora_otel import drivers
from aurora_otel.agent import Agent
from aurora_otel.drivers import dbapi
from aurora_otel.drivers.dbapi.traits import Traits, check_module
from aurora_otel.runtime import system
from aurora_otel.settings import Mode, QuerySpans, RdsApiUse, Resolved, StraightConnects
from aurora_otel.switch import Switch

_PROVIDERS = ("tracer_provider", "meter_provider")
# Names in `instrument()` that are no settings of the agent's.
_NO_SETTINGS = (
    "self",
    "__class__",
    "unknown",
    *_PROVIDERS,
    "skip_dep_check",
    "raise_exception_on_conflict",
)


class _Unchanged:
    """The default of each setting in `instrument()`: what was set before goes on."""

    def __repr__(self) -> str:
        return "unchanged"


_UNCHANGED: Any = _Unchanged()


class AuroraInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Instruments every installed driver that `aurora-otel` knows."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return none: every entry would be demanded, and one driver is enough."""
        return ()

    def instrument(  # type: ignore[override, unused-ignore]  # noqa: PLR0913 - every setting
        self,
        *,
        mode: Mode | Literal["cleanup", "observe", "off"] = _UNCHANGED,
        drivers: str | Collection[str] | None = _UNCHANGED,
        prune_interval: float = _UNCHANGED,
        refresh_window: float = _UNCHANGED,
        refresh_interval: float = _UNCHANGED,
        refresh_timeout: float = _UNCHANGED,
        instance_host_template: str | None = _UNCHANGED,
        instance_endpoints: str | Mapping[str, str] = _UNCHANGED,
        rds_api: RdsApiUse | Literal["auto", "on", "off"] = _UNCHANGED,
        identify_timeout: float = _UNCHANGED,
        stuck_after: float = _UNCHANGED,
        writer_endpoints: str | Collection[str] = _UNCHANGED,
        single_endpoints: str | Collection[str] = _UNCHANGED,
        members: str | Collection[str] = _UNCHANGED,
        cluster_id: str | Mapping[str, str] = _UNCHANGED,
        straight_connects: StraightConnects | Literal["on", "off"] = _UNCHANGED,
        query_spans: QuerySpans | Literal["off", "summary", "text"] = _UNCHANGED,
        kill_switch: str | PurePath | None = _UNCHANGED,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        skip_dep_check: bool = False,
        raise_exception_on_conflict: bool = False,
        **unknown: NoReturn,
    ) -> None:
        """Start the agent, or apply other settings to the running one.

        Call it before the application connects: a connection that was opened earlier is not
        tracked. What the words mean: `aurora-otel docs glossary`.

        What a call leaves out stays as it is: arguments of earlier calls count until
        `uninstrument()`, and win over OpenTelemetry's configuration file (`OTEL_CONFIG_FILE`) and
        the environment variables `AURORA_OTEL_<NAME>`. The default of a setting is in parentheses.

        Args:
            mode: what is done about stale connections: `cleanup` closes them, `observe` only counts
                them, `off` stops the agent (`cleanup`).
            drivers: names of the drivers to patch: comma-separated, or a collection; `None`: all
                that are installed (`None`).
            prune_interval: seconds between two rounds of pruning (30).
            refresh_window: seconds after a symptom in which calls may refresh the topology first
                (180).
            refresh_interval: seconds between two refreshes of a cluster in that window; they become
                rarer (1).
            refresh_timeout: seconds that a call may wait for a refresh (1).
            instance_host_template: how a custom domain names instances, with a `?` for the
                instance's identifier: `?.db.example.com:5432` (`None`).
            instance_endpoints: where instances are, if names do not lead to them: `id=host:port,…`,
                or a mapping of ids to `host:port` (none).
            rds_api: whether the RDS API may be asked: `auto` where SQL cannot answer, `on` also for
                names and events of clusters, `off` never (`auto`).
            identify_timeout: seconds that identifying the instance of a new connection may take
                (0.5).
            stuck_after: seconds after which a call in flight makes the background loop refresh; 0:
                never (10).
            writer_endpoints: host names that mean the writer, such as private names and tunnels:
                comma-separated, or a collection (none).
            single_endpoints: host names behind each of which is one server at a time, whose address
                changes with a failover: comma-separated, or a collection (none).
            members: where the members of a primary with standbys are, the application's own host
                among them: `host:port,…`, a `;` before those of another cluster (none).
            cluster_id: the name of the cluster in telemetry; for several clusters `host=name,…`, or
                a mapping of hosts to names (from the endpoint).
            straight_connects: whether connects go straight to the confirmed writer while the
                endpoint's name may lead elsewhere: `on` or `off` (`on`).
            query_spans: query spans of the agent's own: `off`, `summary` with the operation alone,
                `text` with the statement (`off`).
            kill_switch: absolute path of a file: while it exists, the mode is `observe`, within a
                second (`None`).
            tracer_provider: makes the spans; `None`: the one given before, or the global one.
            meter_provider: makes the instruments; `None`: the one given before, or the global one.
            skip_dep_check: OpenTelemetry's own, without a meaning here.
            raise_exception_on_conflict: OpenTelemetry's own, without a meaning here.
            unknown: none is allowed.

        Raises:
            ValueError: an argument is unknown, or has a value that is not allowed; the message says
                what is.
        """
        given = {
            name: value
            for name, value in locals().items()
            if name not in _NO_SETTINGS and value is not _UNCHANGED
        }
        providers = {"tracer_provider": tracer_provider, "meter_provider": meter_provider}
        arguments = {**given, **unknown, **providers}
        if not self._is_instrumented_by_opentelemetry:
            super().instrument(skip_dep_check=True, **arguments)
        else:
            self._instrument(**arguments)

    def _instrument(self, **kwargs: Any) -> None:
        providers = {name: kwargs.pop(name) for name in _PROVIDERS}
        _switch.on(kwargs, providers)

    def _uninstrument(self, **_: Any) -> None:
        _switch.off()


_switch = Switch()


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


if system.missing() is None:
    os.register_at_fork(after_in_child=_switch.after_fork_in_child)
