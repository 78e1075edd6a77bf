"""The rows: what is installed beside the wheel, by what, and how the application is started."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.matrix import documented
from tests.support import interpreters

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
        lowest: whether what is named directly, and what the wheel names, has the lowest version
            that is allowed.
        commands: what a document says to type, instead of that; by the pip of CPython 3.11.
        image: whether the agent is put beside the application as Kubernetes' operator does it.
        begins: what another agent's documentation has an application begin with. Their launchers
            do nothing in front of `opentelemetry-instrument`: of two such, the outer one is lost.
        environ: variables of the application.
        loads: modules that must have been loaded in the end.
        example: the command of an example that is started there, instead of the application.
    """

    name: str
    requirements: tuple[str, ...] = (*OPENTELEMETRY, DRIVER)
    python: str = THIS
    lowest: bool = False
    commands: tuple[str, ...] = ()
    image: bool = False
    begins: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    loads: tuple[str, ...] = ()
    example: str = ""


ROWS = (
    Row("lowest", ("opentelemetry-distro>=0.54b0", "psycopg[binary]>=3.2.1"), lowest=True),
    Row("newest"),
    Row(
        "aws-opentelemetry-distro",
        ("aws-opentelemetry-distro", DRIVER),
        environ={
            "OTEL_PYTHON_DISTRO": "aws_distro",
            "OTEL_PYTHON_CONFIGURATOR": "aws_configurator",
        },
        loads=("amazon.opentelemetry.distro.aws_opentelemetry_distro",),
    ),
    Row(
        "an example under aws-opentelemetry-distro",
        ("aws-opentelemetry-distro", DRIVER),
        example=documented.example_of_aws(),
    ),
    Row("elastic-opentelemetry", ("elastic-opentelemetry", DRIVER), loads=("elasticotel.distro",)),
    Row("splunk-opentelemetry", ("splunk-opentelemetry", DRIVER), loads=("splunk_otel.distro",)),
    Row(
        "beside ddtrace",
        ("ddtrace", *OPENTELEMETRY, DRIVER),
        begins="import ddtrace.auto",
        loads=("ddtrace.contrib.internal.psycopg.patch",),
    ),
    Row(
        "beside newrelic",
        ("newrelic", *OPENTELEMETRY, DRIVER),
        begins="import newrelic.agent; newrelic.agent.initialize()",
        loads=("newrelic.hooks.database_psycopg",),
    ),
    Row("the operator's image", (DRIVER,), image=True),
    *(
        Row(f"pip {OLD_PIP}: {where}", (DRIVER,), commands=commands)
        for commands, where in documented.installations().items()
    ),
    *(Row(f"CPython {version}", python=version) for version in interpreters.VERSIONS),
)
# Systems that are not here: what is wanted must be there as wheels, and nothing is run.
PLATFORMS = {
    "musl": "x86_64-unknown-linux-musl",
    "Linux on ARM": "aarch64-unknown-linux-gnu",
    "macOS": "aarch64-apple-darwin",
    "Windows": "x86_64-pc-windows-msvc",
}
# Nothing leaves this machine: no exporter, no agent's back end, no metadata of a cloud.
ENVIRON = {
    **{f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")},
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel",
    "AWS_EC2_METADATA_DISABLED": "true",
    "DD_TRACE_AGENT_URL": "http://127.0.0.1:1",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "NEW_RELIC_DEVELOPER_MODE": "true",
    "NEW_RELIC_LICENSE_KEY": "0" * 40,
    "NEW_RELIC_APP_NAME": "application",
}
