"""The instance that answers: its role, which questions the login may ask, its clock."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from opentelemetry.instrumentation.utils import suppress_instrumentation

from aurora_otel.discovery.identify import Kind, Server
from aurora_otel.discovery.servers import Servers
from aurora_otel.discovery.source import goes_by_address, hears_all
from aurora_otel.doctor.awaiting import outcome, run
from aurora_otel.doctor.findings import Findings, failure, ok, warning
from aurora_otel.doctor.questions import QUESTIONS
from aurora_otel.drivers.connects import Opening
from aurora_otel.drivers.protocol import Driver, Rows
from aurora_otel.hooks.identification import Identification, Identity
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.topology import Role
from aurora_otel.runtime.shield import Shield
from aurora_otel.settings import Settings
from aurora_otel.telemetry import log

SECONDS = 5.0
"""How long the server may take for an answer that the agent would not wait for."""

_CLOCK_SECONDS = 2.0
_ROLES = {
    Role.WRITER: "it is the writer",
    Role.READER: "it is the reader",
    Role.UNKNOWN: "it is no reader, and accepts no writes",
}
_PROXY = "For the clean-up connect to the cluster past it; otherwise there is nothing to do."


@dataclass(frozen=True, slots=True)
class Visit:
    """A connection, and what the agent makes of it.

    Attributes:
        driver: of the connection.
        opening: the connection.
        identity: where it landed.
        server: what the server behind the endpoint is, if it was asked.
    """

    driver: Driver
    opening: Opening
    identity: Identity
    server: Server | None


def visit(driver: Driver, opening: Opening, settings: Settings) -> Visit:
    """Have the agent identify a connection."""
    servers = Servers()
    servers.members = settings.all_members
    servers.singles = settings.single_endpoints
    shield = Shield(log.internal_failure)
    identification = Identification(servers, time.monotonic, shield, lambda _: None)
    endpoint = settings.endpoints.classify(*driver.address(opening.connection))
    identity = run(
        driver,
        identification.identify(
            driver,
            opening,
            settings.endpoints,
            settings.identify_timeout,
            is_known=lambda _: False,
        ),
    )
    server = servers.get(endpoint.address, time.monotonic())
    return Visit(driver, opening, identity, server)


def findings(visited: Visit, settings: Settings) -> Findings:
    """Report what came of a visit."""
    answer, endpoint = visited.identity.answer, visited.identity.endpoint
    if answer is not None:
        source = visited.identity.source
        kind = f" (kind of cluster: {source.kind})" if source else ""
        yield ok("instance", f"instance {answer.instance} answers; {_ROLES[answer.role]}{kind}")
        yield from _role(visited.identity)
    elif visited.identity.postponed or visited.identity.dropped:
        yield failure(
            "instance",
            f"the server does not say within {settings.identify_timeout:g} s which instance it is;"
            " the application's connections belong to no instance then, and are never closed",
            "Find out why it is slow; if it always is, raise AURORA_OTEL_IDENTIFY_TIMEOUT.",
        )
        return
    elif visited.server is not None and visited.server.kind is Kind.POOLER:
        yield warning(
            "instance",
            "a pooler or a router answers: its connections are counted, but belong to no instance,"
            " and are never closed",
            _PROXY,
        )
        return
    elif endpoint.type is EndpointType.PROXY:
        return
    yield from _privileges(visited)
    yield from _clock(visited)


def _role(identity: Identity) -> Findings:
    endpoint, answer = identity.endpoint, identity.answer
    if identity.is_misrouted:
        yield warning(
            "instance.role",
            "the writer endpoint leads to a reader: name servers lag behind a failover",
            "Run the doctor again in a minute; if that stays, check the DNS caches in between.",
        )
    elif answer and answer.role is Role.UNKNOWN:
        yield warning(
            "instance.role",
            "the server's own setting makes it read-only: it is never confirmed as the writer, and"
            " while no other instance is, nothing is closed",
            "Wait until the switchover is over; if none is under way, reset the parameter"
            " default_transaction_read_only (PostgreSQL) or read_only (MySQL).",
        )
    elif goes_by_address(identity.source):
        yield ok(
            "instance.name",
            f"{endpoint.address.host} leads to one server at a time: after a failover, to its new"
            " address, and connections to the old one are closed",
        )
    elif endpoint.type is EndpointType.OTHER and answer and answer.role is Role.WRITER:
        host = endpoint.address.host
        yield warning(
            "instance.private",
            f"{host} leads to the writer, and no setting says whether it always should:"
            " connections that land on a reader by it are not noticed",
            f"If it always should, set AURORA_OTEL_WRITER_ENDPOINTS={host}; if not, connect by one"
            " of RDS's own endpoints.",
        )


def _privileges(visited: Visit) -> Findings:
    check = "instance.privileges"
    questions = QUESTIONS[visited.driver.system]
    with suppress_instrumentation():
        rows = _ask(visited, questions.privileges)
    found = questions.parse_privileges(rows)
    if hears_all(visited.identity.source):
        yield ok(
            check,
            f"{found.role} needs no privilege; members are sought where docs/kinds-of-clusters.md"
            " says",
        )
    elif goes_by_address(visited.identity.source):
        yield ok(check, f"{found.role} needs no privilege")
    elif not found.is_aurora and visited.identity.source is None:
        yield warning(
            check,
            "this is neither Aurora nor another known kind of cluster: its connections are"
            " counted, but belong to no instance, and are never closed",
            "Connect to the cluster; if a plain server is meant, there is nothing to do. Kinds and"
            " privileges are in docs/kinds-of-clusters.md.",
        )
    elif visited.identity.view and visited.identity.answer is not None:
        yield ok(check, f"{found.role} may ask for the instance and for the topology")
    elif not found.missing and visited.identity.answer is None:
        yield failure(
            check,
            f"{found.role} may ask which instance answers, but the answer is of no use: nothing is"
            " ever closed",
            "Use another user, or another version of the driver; if that does not help, please"
            " report it.",
        )
    elif visited.identity.answer is None:
        yield failure(
            check,
            f"{found.role} may not ask which instance answers: nothing is ever closed",
            _grant(found.missing),
        )
    else:
        yield warning(
            check,
            f"{found.role} may not ask for the topology: the agent knows instances only once"
            " the application has met them",
            _grant(found.missing),
        )


def _grant(missing: tuple[str, ...]) -> str:
    if not missing:
        return "Let the login read what lists the members of the cluster."
    return f"As an administrator, in the application's database: {' '.join(missing)}"


def _clock(visited: Visit) -> Findings:
    statement = QUESTIONS[visited.driver.system].clock
    began, before = time.time(), time.monotonic()
    with suppress_instrumentation():
        rows = _ask(visited, statement)
    took = time.monotonic() - before
    ahead = float(rows[0][0] or "nan") - (began + took / 2)
    text = f"this host's clock and the server's differ by {abs(ahead):.3f} s (±{took / 2:.3f} s)"
    if abs(ahead) <= _CLOCK_SECONDS + took / 2:
        yield ok("instance.clock", text)
        return
    yield warning(
        "instance.clock",
        f"{text}: events of the database and spans of the application do not fit each other",
        "Have this host's clock set by NTP (169.254.169.123 on AWS).",
    )


def _ask(visited: Visit, statement: str) -> Rows:
    rows: Rows = outcome(visited.driver.ask(visited.opening.connection, statement, SECONDS))
    return rows


def leave(visited: Visit) -> None:
    """Close the connection."""
    with contextlib.suppress(Exception):
        outcome(visited.opening.connection.close())
