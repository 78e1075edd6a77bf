"""The rows: what is installed beside the wheel, by what, and how the application is started."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
DRIVER = "psycopg[binary]"
OPENTELEMETRY = ("opentelemetry-distro", "opentelemetry-exporter-otlp")
# pip of CPython 3.11.
OLD_PIP = "23.2.1"


@dataclass(frozen=True, eq=False)
class Row:
    """One environment.

    Attributes:
        name: of the row.
        requirements: what is installed with the wheel.
        python: the version of the interpreter.
        lowest: whether what is named directly has the lowest version that is allowed.
        pip: the version of pip that installs it; uv does otherwise.
        launcher: what stands before `opentelemetry-instrument`.
        environ: variables of the application.
    """

    name: str
    requirements: tuple[str, ...] = (*OPENTELEMETRY, DRIVER)
    python: str = THIS
    lowest: bool = False
    pip: str | None = None
    launcher: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


ROWS = (
    Row("lowest", ("opentelemetry-distro>=0.54b0", "psycopg[binary]>=3.2.1"), lowest=True),
    Row("newest"),
    Row(f"pip {OLD_PIP}", pip=OLD_PIP),
    Row(
        "aws-opentelemetry-distro",
        ("aws-opentelemetry-distro", DRIVER),
        environ={
            "OTEL_PYTHON_DISTRO": "aws_distro",
            "OTEL_PYTHON_CONFIGURATOR": "aws_configurator",
        },
    ),
    Row("elastic-opentelemetry", ("elastic-opentelemetry", DRIVER)),
    Row("splunk-opentelemetry", ("splunk-opentelemetry", DRIVER)),
    Row("beside ddtrace", ("ddtrace", *OPENTELEMETRY, DRIVER), launcher=("ddtrace-run",)),
    Row(
        "beside newrelic",
        ("newrelic", *OPENTELEMETRY, DRIVER),
        launcher=("newrelic-admin", "run-program"),
    ),
    *(Row(f"CPython 3.{minor}", python=f"3.{minor}") for minor in range(10, 15)),
)
# Nothing leaves this machine: no exporter, no agent's back end, no metadata of a cloud.
ENVIRON = {
    **{f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")},
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel",
    "AWS_EC2_METADATA_DISABLED": "true",
    "DD_TRACE_ENABLED": "false",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "NEW_RELIC_DEVELOPER_MODE": "true",
    "NEW_RELIC_LICENSE_KEY": "0" * 40,
    "NEW_RELIC_APP_NAME": "application",
}
