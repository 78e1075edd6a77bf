"""All checks, in the order in which a person wants to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aurora_otel.discovery.dns import rds_endpoint
from aurora_otel.doctor import (
    api,
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
from aurora_otel.endpoints import Endpoint
from aurora_otel.settings import RdsApiUse, Settings
from aurora_otel.topology import Answer


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
    endpoint = settings.endpoints.classify(target.host, target.port)
    reached = True
    for section, finding in _section("Endpoint", network.findings(target, endpoint)):
        reached = reached and finding.level is not Level.FAILURE
        yield section, finding
    learnt = _Learnt()
    if reached and target.system is not None:
        installed = trial.drivers if trial else ()
        found = _database(target, settings, installed, environ, learnt)
        yield from _section("Database", found)
    yield from _section("RDS API", _api(endpoint, settings, learnt))


@dataclass(slots=True)
class _Learnt:
    """What the instance that answered said: its answer, and whether it may be asked for a view."""

    answer: Answer | None = None
    view: bool | None = None


def _database(
    target: Target,
    settings: Settings,
    installed: tuple[trying.Library, ...],
    environ: Mapping[str, str],
    learnt: _Learnt,
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
    learnt.answer, learnt.view = visited.identity.answer, visited.identity.view
    try:
        yield from instance.findings(visited, settings)
        if learnt.answer is not None:
            yield from walking.findings(visited, settings)
    finally:
        instance.leave(visited)


def _api(endpoint: Endpoint, settings: Settings, learnt: _Learnt) -> Findings:
    """Ask the RDS API, unless nothing tells that it knows the server."""
    answer = learnt.answer
    view = answer.view if answer else None
    members = view.instances if view else (answer.instance,) if answer else ()
    wanted = settings.rds_api is RdsApiUse.ON
    if not (wanted or members or endpoint.domain or rds_endpoint(endpoint.address)):
        return
    writer = view.writer if view else None
    yield from api.findings(endpoint, members, settings.rds_api, sql=learnt.view, writer=writer)


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
