"""All checks, in the order in which a person wants to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aurora_otel.discovery.dns import rds_endpoint
from aurora_otel.discovery.rds.answers import ApiError
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
from aurora_otel.model import endpoints
from aurora_otel.model.endpoints import Endpoint, EndpointType
from aurora_otel.model.topology import Answer
from aurora_otel.settings import RdsApiUse, Settings, resolve


def examine(target: Target | None, environ: Mapping[str, str]) -> Iterator[tuple[str, Finding]]:
    """Yield every finding with the section that it belongs to.

    Args:
        target: where to connect to, if that was said.
        environ: the environment.
    """
    settings = resolve({}, environ).settings
    yield from _section("This host", host.findings())
    yield from _section("Settings", configuration.findings(environ))
    trial = trying.attempt(environ)
    if trial is None:
        yield (
            "Drivers",
            failure(
                "trial",
                "a Python process that loads the OpenTelemetry instrumentations does not end",
                "Run 'opentelemetry-instrument python -c pass' and read what it says.",
            ),
        )
    else:
        yield from _section("Drivers", patches.findings(trial, environ))
        yield from _section("Export", exporters.findings({**environ, **trial.environ}))
    if target is None:
        yield (
            "Database",
            ok("database", "not checked; give its place by --dsn or --host"),
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
    if learnt.visited is not None and learnt.answer is not None:
        found = walking.findings(learnt.visited, settings, learnt.domain)
        yield from _section("Topology", found)


@dataclass(slots=True)
class _Learnt:
    """What one section learns for the next ones.

    Attributes:
        visited: the instance behind the endpoint, if the login worked.
        domain: the RDS domain of the instances, if the RDS API gave it.
    """

    visited: instance.Visit | None = None
    domain: str | None = None

    @property
    def answer(self) -> Answer | None:
        """What the instance said of itself."""
        return self.visited.identity.answer if self.visited else None


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
    opened, finding = login.log_in(name, target)
    yield finding
    if opened is None:
        return
    if settings.may_go_straight and _is_writer(target, settings):
        yield login.straight(opened)
    learnt.visited = visited = instance.visit(opened.driver, opened.opening, settings)
    try:
        yield from instance.findings(visited, settings)
    finally:
        instance.leave(visited)


def _is_writer(target: Target, settings: Settings) -> bool:
    return settings.endpoints.classify(target.host, target.port).type is EndpointType.WRITER


def _api(endpoint: Endpoint, settings: Settings, learnt: _Learnt) -> Findings:
    """Ask the RDS API, unless nothing indicates that it knows the server."""
    answer, use = learnt.answer, settings.rds_api
    view = answer.view if answer else None
    members = view.instances if view else (answer.instance,) if answer else ()
    if use is RdsApiUse.OFF:
        yield ok(api.CHECK, "the RDS API is not asked: AURORA_OTEL_RDS_API=off")
        return
    known = members or endpoint.domain or rds_endpoint(endpoint.address)
    if use is RdsApiUse.AUTO and not known:
        return
    try:
        found, cluster = api.describe(endpoint, members)
    except ApiError as error:
        sql = learnt.visited.identity.view if learnt.visited else None
        yield api.trouble(error, use, sql=sql)
        return
    learnt.domain = endpoints.parse(cluster.endpoint, cluster.port).domain
    yield from api.findings(found, cluster, view.writer if view else None)


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
                f"a check of the doctor itself failed ({type(error).__qualname__})",
                "Please report it, with the lines above.",
            ),
        )
