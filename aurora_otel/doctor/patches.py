"""Which drivers and pools are installed, and what patches them under `opentelemetry-instrument`."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.instrumentation.environment_variables import (
    OTEL_PYTHON_DISABLED_INSTRUMENTATIONS as DISABLED,
)

from aurora_otel.doctor.findings import Finding, Findings, failure, ok, warning
from aurora_otel.doctor.trying import Library, Trial
from aurora_otel.drivers import unsupported
from aurora_otel.settings import PREFIX

OURS = "aurora"
"""Our entry point in the group `opentelemetry_instrumentor`."""

_INSTALL = {
    "psycopg": "pip install 'psycopg[binary]'",
    "psycopg2": "pip install psycopg2-binary",
}
_QUERY_SPANS = f"{PREFIX}QUERY_SPANS"


def findings(trial: Trial, environ: Mapping[str, str]) -> Findings:
    """Check what became of each driver in an instrumented process."""
    yield from _loading(trial, environ)
    installed = [driver for driver in trial.drivers if driver.installed]
    if not installed:
        names = ", ".join(driver.name for driver in trial.drivers)
        yield failure(
            "drivers",
            "no driver is installed that aurora-otel knows",
            f"Run the doctor in the application's environment; known are {names}.",
        )
    for driver in installed:
        yield _driver(driver, trial, environ)
        yield from _others(driver, environ)
    yield from _unsupported()
    for pool in trial.pools:
        if pool.usable:
            yield _pool(pool, trial)


def _unsupported() -> Findings:
    for name in unsupported.installed():
        yield ok(
            f"drivers.{name}",
            f"{name} is installed, and not supported: what the application connects with it is"
            " neither tracked nor cleaned up",
        )


def _loading(trial: Trial, environ: Mapping[str, str]) -> Findings:
    for name in trial.failed:
        yield failure(
            "instrumentations.failed",
            f"the OpenTelemetry component {name} fails when it is loaded"
            + (f" ({trial.error}), and ends the loading of all others" if trial.error else ""),
            f"Repair it, or leave it out: {DISABLED}={name}.",
        )
    if trial.error and not trial.failed:
        yield failure(
            "instrumentations.failed",
            f"OpenTelemetry could not be started ({trial.error})",
            "Run the application under opentelemetry-instrument and read what it logs first.",
        )
    if trial.active:
        yield ok(
            "agent",
            "the agent starts under opentelemetry-instrument; it tracks what is opened after that,"
            " and snapshot(count_untracked=True) counts what was opened before",
        )
    elif not trial.error and any(driver.usable for driver in trial.drivers):
        yield _left_out(environ)


def _left_out(environ: Mapping[str, str]) -> Finding:
    disabled = {name.strip() for name in environ.get(DISABLED, "").split(",")}
    if disabled & {OURS, "*"}:
        return failure(
            "agent",
            f"the agent is switched off: {DISABLED} names it",
            f"Take {' and '.join(sorted(disabled & {OURS, '*'}))} out of {DISABLED}.",
        )
    return failure(
        "agent",
        "the agent does not start under opentelemetry-instrument",
        "Install aurora-otel into the environment that the application runs in.",
    )


def _driver(driver: Library, trial: Trial, environ: Mapping[str, str]) -> Finding:
    check = f"drivers.{driver.name}"
    if driver.error is not None:
        advice = _INSTALL.get(driver.name, f"pip install --force-reinstall {driver.name}")
        return failure(
            check, f"{driver} is installed, but its import fails ({driver.error})", f"Try {advice}."
        )
    if driver.patched:
        return ok(check, f"{driver} is patched")
    chosen = environ.get(f"{PREFIX}DRIVERS", "")
    if trial.active and chosen and driver.name not in chosen:
        return warning(
            check,
            f"{driver} is not patched: {PREFIX}DRIVERS leaves it out",
            f"If the application uses it, add {driver.name} to {PREFIX}DRIVERS.",
        )
    return _unpatched(check, driver, trial)


def _pool(pool: Library, trial: Trial) -> Finding:
    check = f"pools.{pool.name}"
    return ok(check, f"{pool} is patched") if pool.patched else _unpatched(check, pool, trial)


def _unpatched(check: str, library: Library, trial: Trial) -> Finding:
    remedy = "Do what the failures above say."
    if trial.active:
        remedy = (
            "Upgrade it to a version that docs/drivers-and-pools.md lists. At the start, the logger"
            " aurora_otel says what went wrong."
        )
    return failure(check, f"{library} is not patched", remedy)


def _others(driver: Library, environ: Mapping[str, str]) -> Findings:
    """Report other instrumentations that wrap the driver's `connect`."""
    check = f"drivers.{driver.name}.others"
    if not driver.wrappers:
        return
    names = " and ".join(driver.wrappers)
    ours = environ.get(_QUERY_SPANS, "off").strip().lower()
    if len(driver.wrappers) > 1:
        yield warning(
            check,
            f"{len(driver.wrappers)} other instrumentations wrap {driver.name}.connect ({names}):"
            " each query has that many spans",
            f"Keep one of them. OpenTelemetry's own is left out by {DISABLED}={driver.name}.",
        )
    elif driver.patched and ours not in ("", "off"):
        yield warning(
            check,
            f"{names} makes query spans for {driver.name}, and {_QUERY_SPANS}={ours} makes them"
            " once more",
            f"Set {_QUERY_SPANS}=off, or {DISABLED}={driver.name}.",
        )
    else:
        yield ok(check, f"{names} wraps {driver.name}.connect too; its query spans name instances")
