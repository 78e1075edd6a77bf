"""All checks, in the order in which a person wants to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aurora_otel.doctor import (
    configuration,
    exporters,
    host,
    instance,
    login,
    network,
    patches,
    trying,
    walking,
)
from aurora_otel.doctor.findings import Finding, Findings, Level, failure, ok
from aurora_otel.doctor.target import Target
from aurora_otel.settings import Settings


def examine(target: Target | None, environ: Mapping[str, str]) -> Iterator[tuple[str, Finding]]:
    """Yield every finding with the section that it belongs to.

    Args:
        target: where to connect to, if that was said.
        environ: the environment.
    """
    settings = Settings.resolve({}, environ)
    yield from _section("This host", host.findings())
    yield from _section("Settings", configuration.findings(environ))
    trial = trying.attempt(environ)
    if trial is None:
        yield (
            "Drivers",
            failure(
                "trial",
                "a Python process that loads the OpenTelemetry instrumentations does not come to an"
                " end",
                "Run 'opentelemetry-instrument python -c pass' and read what it says.",
            ),
        )
    else:
        yield from _section("Drivers", patches.findings(trial, environ))
        yield from _section("Export", exporters.findings({**environ, **trial.environ}))
    if target is None:
        yield (
            "Database",
            ok("database", "not looked at; --dsn or --host says where it is"),
        )
        return
    reached = True
    for section, finding in _section("Endpoint", _endpoint(target, settings)):
        reached = reached and finding.level is not Level.FAILURE
        yield section, finding
    if reached and target.system is not None:
        installed = trial.drivers if trial else ()
        yield from _section("Database", _database(target, settings, installed, environ))


def _endpoint(target: Target, settings: Settings) -> Findings:
    return network.findings(target, settings.endpoints.classify(target.host, target.port))


def _database(
    target: Target,
    settings: Settings,
    installed: tuple[trying.Library, ...],
    environ: Mapping[str, str],
) -> Findings:
    name, missing = login.choose(target, installed)
    if name is None:
        if missing:
            yield missing
        return
    yield login.timeout(name, target, environ)
    opened, told = login.log_in(name, target)
    yield told
    if opened is None:
        return
    visited = instance.visit(*opened, settings)
    try:
        yield from instance.findings(visited, settings)
        if visited.identity.answer is not None:
            yield from walking.findings(visited, settings)
    finally:
        instance.leave(visited)


def _section(name: str, findings: Findings) -> Iterator[tuple[str, Finding]]:
    """Yield findings; a check that breaks is a finding, too, and its message may quote anything."""
    try:
        for finding in findings:
            yield name, finding
    except Exception as error:  # noqa: BLE001 - a doctor does not faint
        yield (
            name,
            failure(
                "doctor",
                f"a check of the doctor's own broke off ({type(error).__qualname__})",
                "Please report it, with the lines above.",
            ),
        )
