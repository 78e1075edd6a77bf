"""What OpenTelemetry will export where, under `opentelemetry-instrument`."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from urllib.parse import urlsplit

from opentelemetry.sdk.environment_variables import (
    OTEL_CONFIG_FILE,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_PROMETHEUS_HOST,
    OTEL_EXPORTER_PROMETHEUS_PORT,
    OTEL_METRIC_EXPORT_INTERVAL,
    OTEL_SDK_DISABLED,
    OTEL_SERVICE_NAME,
)

from aurora_otel.doctor.findings import Finding, Findings, failure, ok, warning
from aurora_otel.model.endpoints import Address

SIGNALS = ("traces", "metrics", "logs")
_INSTALL = "pip install opentelemetry-distro opentelemetry-exporter-otlp"
_PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_PORTS = {"grpc": 4317, "http/protobuf": 4318}
_PACKAGES = {
    "otlp_proto_grpc": "opentelemetry-exporter-otlp-proto-grpc",
    "otlp_proto_http": "opentelemetry-exporter-otlp-proto-http",
    "prometheus": "opentelemetry-exporter-prometheus",
}
_PREFORK = ("gunicorn", "uwsgi", "celery", "billiard")
_REACH_SECONDS = 2.0


def findings(environ: Mapping[str, str]) -> Findings:
    """Check where traces, metrics and logs go.

    Args:
        environ: the variables `OTEL_…`, the distro's defaults among them.
    """
    if not list(entry_points(group="opentelemetry_configurator")):
        yield warning(
            "exporters",
            "nothing is exported: no OpenTelemetry distribution is installed that sets the SDK up",
            f"{_INSTALL}, or set the SDK up in the application.",
        )
        return
    if environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true":
        yield warning(
            "exporters", f"nothing is exported: {OTEL_SDK_DISABLED}=true", "Remove that variable."
        )
        return
    if environ.get(OTEL_CONFIG_FILE, "").strip():
        yield warning(
            "exporters",
            f"{OTEL_CONFIG_FILE} is set: that file says what is exported where, and the doctor does"
            " not read it",
            "Read that file; the variables OTEL_… are not used.",
        )
        return
    yield _service(environ)
    reached: dict[Address, bool] = {}
    for signal in SIGNALS:
        names = environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").split(",")
        exporters = [name.strip() for name in names if name.strip().lower() not in ("", "none")]
        if not exporters:
            yield _nothing(signal)
        for exporter in exporters:
            yield from _exporter(signal, exporter, environ, reached)
    yield _failover_log()


def _service(environ: Mapping[str, str]) -> Finding:
    attributes = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if name := environ.get(OTEL_SERVICE_NAME, "").strip():
        return ok("exporters.service", f"the service is called {name}")
    if "service.name=" in attributes:
        return ok("exporters.service", "the service is named by OTEL_RESOURCE_ATTRIBUTES")
    return warning(
        "exporters.service",
        "the service has no name: dashboards show it as unknown_service",
        f"Set {OTEL_SERVICE_NAME}.",
    )


def _nothing(signal: str) -> Finding:
    return warning(
        f"exporters.{signal}",
        f"no {signal} are exported",
        f"Set OTEL_{signal.upper()}_EXPORTER=otlp ({_INSTALL}).",
    )


def _exporter(
    signal: str, exporter: str, environ: Mapping[str, str], reached: dict[Address, bool]
) -> Findings:
    check = f"exporters.{signal}"
    protocol = _setting("PROTOCOL", signal, environ) or "grpc"
    if exporter == "otlp" and protocol not in _PROTOCOLS:
        yield failure(
            check,
            f"{OTEL_EXPORTER_OTLP_PROTOCOL} is neither of the protocols that the SDK can speak: it"
            " fails to start, and the application runs without any instrumentation",
            f"Set {OTEL_EXPORTER_OTLP_PROTOCOL} to {' or '.join(_PROTOCOLS)}.",
        )
        return
    name = _PROTOCOLS[protocol] if exporter == "otlp" else exporter
    if not list(entry_points(group=f"opentelemetry_{signal}_exporter", name=name)):
        package = _PACKAGES.get(name)
        yield failure(
            check,
            f"the exporter {name} of {signal} is not installed: the SDK fails to start, and the"
            " application runs without any instrumentation",
            f"pip install {package}." if package else f"Install it, or set {_variable(signal)}.",
        )
    elif name == "prometheus":
        yield from _prometheus(environ)
    elif name in _PROTOCOLS.values():
        yield _otlp(signal, name, environ, reached)
    else:
        yield ok(check, f"{signal} go to {name}{_interval(signal, environ)}")


def _otlp(
    signal: str, name: str, environ: Mapping[str, str], reached: dict[Address, bool]
) -> Finding:
    check = f"exporters.{signal}"
    protocol = next(spoken for spoken, exporter in _PROTOCOLS.items() if exporter == name)
    url = _setting("ENDPOINT", signal, environ) or f"http://localhost:{_PORTS[protocol]}"
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, _PORTS[protocol])
    except ValueError:
        port = 0
    host = parts.hostname or ""
    # Neither the user nor the query of the URL: both may hold a token.
    address = Address(host, port)
    where = f"{signal} go to {address} by OTLP, {protocol}{_interval(signal, environ)}"
    if port in _PORTS.values() and port != _PORTS[protocol]:
        return warning(
            check,
            f"{where}; but {port} is the port of the other protocol",
            f"Set {OTEL_EXPORTER_OTLP_PROTOCOL}, or the port in {OTEL_EXPORTER_OTLP_ENDPOINT}.",
        )
    if address not in reached:
        reached[address] = _listens(address)
    if not reached[address]:
        return warning(
            check,
            f"{where}; nothing listens there",
            f"Start a Collector there, or set {OTEL_EXPORTER_OTLP_ENDPOINT} (docs/exporting.md).",
        )
    return ok(check, where)


def _prometheus(environ: Mapping[str, str]) -> Findings:
    check = "exporters.metrics"
    host = environ.get(OTEL_EXPORTER_PROMETHEUS_HOST, "localhost")
    port = environ.get(OTEL_EXPORTER_PROMETHEUS_PORT, "9464")
    if port.isdecimal() and _listens(Address(host, int(port))):
        yield failure(
            check,
            f"the Prometheus exporter finds its port {port} in use: the SDK fails to start, and the"
            " application runs without any instrumentation",
            "Set OTEL_METRICS_EXPORTER=otlp, and let a Collector talk to Prometheus.",
        )
        return
    servers = [name for name in _PREFORK if find_spec(name) is not None]
    workers = f" ({', '.join(servers)} is installed)" if servers else ""
    yield warning(
        check,
        f"the Prometheus exporter listens on port {port} of one process: a second process on this"
        f" host runs without any instrumentation, and workers that are forked{workers} report"
        " nothing",
        "Set OTEL_METRICS_EXPORTER=otlp, and let a Collector talk to Prometheus.",
    )


def _failover_log() -> Finding:
    if list(entry_points(group="opentelemetry_instrumentor", name="logging")):
        return ok("exporters.failover_log", "OpenTelemetry gets the log record of a failover")
    return warning(
        "exporters.failover_log",
        "OpenTelemetry does not get the log record of a failover",
        "pip install opentelemetry-instrumentation-logging",
    )


def _setting(name: str, signal: str, environ: Mapping[str, str]) -> str:
    """Return a variable of the OTLP exporter, the signal's own first."""
    own = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", "").strip()
    return own or environ.get(f"OTEL_EXPORTER_OTLP_{name}", "").strip()


def _variable(signal: str) -> str:
    return f"OTEL_{signal.upper()}_EXPORTER to another"


def _interval(signal: str, environ: Mapping[str, str]) -> str:
    milliseconds = environ.get(OTEL_METRIC_EXPORT_INTERVAL, "60000")
    if signal != "metrics" or not milliseconds.isdecimal():
        return ""
    return f", every {int(milliseconds) / 1000:g} s"


def _listens(address: Address) -> bool:
    try:
        socket.create_connection(address, _REACH_SECONDS).close()
    except (OSError, UnicodeError, OverflowError):
        return False
    return True
