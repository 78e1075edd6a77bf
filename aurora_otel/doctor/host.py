"""Python, the operating system, and the versions of what the agent builds on."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from aurora_otel.doctor.findings import Finding, Findings, ok, warning
from aurora_otel.version import __version__

_OLDEST, _NEWEST = (3, 10), (3, 14)
_DISTRIBUTIONS = ("opentelemetry-sdk", "opentelemetry-instrumentation")


def findings() -> Findings:
    """Check this interpreter and this host."""
    yield _python()
    yield _operating_system()
    versions = ", ".join(f"{name} {_version(name)}" for name in _DISTRIBUTIONS)
    yield ok("host.versions", f"aurora-otel {__version__}, {versions}")


def _python() -> Finding:
    name = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.implementation.name == "cpython" and _OLDEST <= sys.version_info[:2] <= _NEWEST:
        return ok("host.python", name)
    return warning(
        "host.python",
        f"{name} is not what aurora-otel is tested on",
        "Run the application on CPython 3.10 to 3.14.",
    )


def _operating_system() -> Finding:
    name = f"{platform.system()} {platform.release()}"
    if sys.platform == "linux":
        return ok("host.system", name)
    return warning(
        "host.system",
        f"{name} is not what aurora-otel is tested on",
        "Run the application on Linux; on other systems the clean-up is not tested.",
    )


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(not installed)"
