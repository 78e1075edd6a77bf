"""The way to the writer that the agent takes after a symptom: the instances, and the time."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterable

from opentelemetry.instrumentation.utils import suppress_instrumentation

from aurora_otel.discovery.dns import rds_endpoint
from aurora_otel.discovery.rds.answers import ApiError
from aurora_otel.discovery.rds.api import Apis
from aurora_otel.discovery.rds.iam import Token
from aurora_otel.discovery.source import goes_by_address, hears_all
from aurora_otel.discovery.targets import Target, targets
from aurora_otel.discovery.walk import Walk
from aurora_otel.doctor.api import words
from aurora_otel.doctor.findings import Finding, Findings, failure, ok, warning
from aurora_otel.doctor.instance import Visit
from aurora_otel.drivers.protocol import Monitor
from aurora_otel.model.endpoints import Address
from aurora_otel.model.pace import LoginPace
from aurora_otel.model.peers import address_of
from aurora_otel.model.topology import Reading
from aurora_otel.monitoring.access import Access, ClusterAccess
from aurora_otel.settings import RdsApiUse, Settings

CHECK = "topology"
_SLOW = 0.5
"""The part of `REFRESH_TIMEOUT` from which on a refresh is called slow."""


class Way:
    """The way to the writer of one cluster. One own connection stays open until `close()`.

    Args:
        visited: an instance of it that answered.
        settings: in force.
        domain: the RDS domain of its instances, if the RDS API gave it.
    """

    def __init__(self, visited: Visit, settings: Settings, domain: str | None = None) -> None:
        self._endpoint = visited.identity.endpoint
        self._login = Access(visited.driver, visited.opening.login, self._endpoint)
        self._access = self._new_access()
        self._apis = Apis()
        self._settings = settings
        self._view = visited.identity.view
        answer = visited.identity.answer
        listed = answer.view.instances if answer and answer.view else ()
        self.members = listed or ((answer.instance,) if answer else ())
        self._domain = self._endpoint.domain or domain
        if self._domain is None and answer and answer.view:
            self._domain = answer.view.domain
        self._goes_by_address = goes_by_address(visited.identity.source)
        self.places: tuple[Address, ...] = ()
        if hears_all(visited.identity.source):
            here = self._endpoint.address
            listed_at = (
                Address(each.host, each.port or here.port)
                for group in settings.members
                for each in sorted(group)
            )
            found = (*listed_at, *(answer.places if answer else ()))
            self.places = tuple(each for each in found if each != here)
        if self._domain is None and (named := rds_endpoint(self._endpoint.address)):
            self._domain = named.domain
        self._walk = Walk(
            lambda: visited.identity.source,
            self._connect,
            self.locate,
            self._is_rejected,
            time.monotonic,
        )

    def locate(self, instance: str) -> Address | None:
        """Return where an instance is reached, if that is known."""
        known = self._settings.endpoints
        found = known.address(instance, self._domain, self._endpoint.address.port)
        return found or (address_of(instance) if self._goes_by_address else None)

    @property
    def targets(self) -> list[Target]:
        """Every instance that can be reached by itself, and the application's own host."""
        return targets(self.members, self.locate, places=self.places)

    def read(self, targets: Iterable[Target]) -> Reading:
        """Ask `targets` in turn, and the instances that they name, until a writer confirms."""
        self._access = self._new_access()
        with suppress_instrumentation():
            return self._walk.read(targets, self._settings.refresh_timeout, view=self._view)

    def close(self) -> None:
        """Close the doctor's own connection."""
        self._walk.close()

    @property
    def token(self) -> Token | None:
        """What the login's password is, if that is an IAM token."""
        return self._login.token

    @property
    def may_sign(self) -> bool:
        """Whether a token of the agent's own may be signed."""
        return self._settings.rds_api is not RdsApiUse.OFF

    def sign(self, token: Token, signing_target: Address) -> str:
        """Return a token like the application's for another endpoint.

        Raises:
            ApiError: it cannot be signed.
        """
        return self._apis.of(token.region).token(*signing_target, token.user)

    def _connect(
        self, target: Target, timeout: float, longest: float = 0.0, *, is_urgent: bool = False
    ) -> Monitor:
        return self._access.connect(target, timeout, longest, is_urgent=is_urgent)

    def _is_rejected(self, error: Exception) -> bool:
        return self._access.is_rejected(error)

    def _new_access(self) -> ClusterAccess:
        """Return the agent's way to log in, which knows nothing of an earlier reading."""
        access = ClusterAccess(self._sign_if_allowed, time.monotonic, LoginPace(random.random))
        access.note(self._login)
        return access

    def _sign_if_allowed(self, token: Token, signing_target: Address) -> str | None:
        if not self.may_sign:
            return None
        with contextlib.suppress(ApiError):
            return self.sign(token, signing_target)
        return None


def findings(visited: Visit, settings: Settings, domain: str | None) -> Findings:
    """Go the way, and to each instance; `domain` as in `Way`."""
    way = Way(visited, settings, domain)
    if visited.identity.view:
        yield ok(CHECK, f"topology by SQL: {', '.join(way.members)}")
    located = {target.instance for target in way.targets}
    if hears_all(visited.identity.source):
        yield _sought(way.places)
    elif unlocated := [name for name in way.members if name not in located]:
        yield _unlocated(unlocated)
    if way.token is not None:
        yield _token(way, way.token)
    for target in way.targets:
        if target.instance and target.address:
            yield _instance(target.instance, target.address, way)
    reading, seconds = _timed(way, way.targets)
    yield _refresh(reading, seconds, settings)


def _timed(way: Way, targets: Iterable[Target]) -> tuple[Reading, float]:
    """Read over connections of this reading's own; return the seconds that it took, too."""
    began = time.monotonic()
    try:
        reading = way.read(targets)
    finally:
        way.close()
    return reading, time.monotonic() - began


def _token(way: Way, token: Token) -> Finding:
    check, text = "topology.token", f"the password is an IAM token for {token.signed_for}"
    cannot = f"{text}, and the agent does not sign its own for the instances"
    if not way.may_sign:
        return warning(check, cannot, "Set AURORA_OTEL_RDS_API=auto.")
    try:
        way.sign(token, token.signed_for)
    except ApiError as error:
        why, remedy = words(error)
        return warning(check, f"{cannot}: {why}", remedy)
    return ok(check, f"{text}; the agent signs its own for the instances")


def _sought(places: Iterable[Address]) -> Finding:
    if found := ", ".join(map(str, places)):
        return ok(CHECK, f"members are sought at the application's own host, and at {found}")
    return warning(
        CHECK,
        "members are sought at the application's own host alone: a new writer is found once that"
        " leads to it",
        "Set AURORA_OTEL_MEMBERS to that host and to those of all members, to find it sooner.",
    )


def _unlocated(names: list[str]) -> Finding:
    return warning(
        "topology.addresses",
        f"nothing says where {', '.join(names)} can be reached, which the agent has to know once"
        " the endpoint leads elsewhere",
        "Connect by RDS's own names, or set AURORA_OTEL_INSTANCE_HOST_TEMPLATE or"
        " AURORA_OTEL_INSTANCE_ENDPOINTS.",
    )


def _instance(name: str, where: Address, way: Way) -> Finding:
    check = "topology.instance"
    reading, seconds = _timed(way, [Target(name, where)])
    if name in reading.instances:
        return ok(check, f"{name} answers at {where} ({seconds * 1000:.1f} ms)")
    if reading.login_refused:
        return failure(
            check,
            f"{name} refuses the login at {where}",
            "Use a login that is valid on every instance; for IAM tokens, docs/permissions.md.",
        )
    return failure(
        check,
        f"{name} does not answer at {where} ({reading.error})",
        "Let security groups and routes pass this host to every instance: any of them may become"
        " the writer.",
    )


def _refresh(reading: Reading, seconds: float, settings: Settings) -> Finding:
    check = "topology.refresh"
    took = f"{seconds * 1000:.1f} ms"
    budget = settings.refresh_timeout
    if reading.verdict is None:
        return failure(
            check,
            f"no instance confirms that it is the writer ({took})",
            "Do what the lines above say; while a failover is under way, run the doctor again.",
        )
    text = f"one refresh of the topology takes {took}; {reading.verdict.writer} is the writer"
    if seconds <= budget * _SLOW:
        return ok(check, text)
    return warning(
        check,
        f"{text}. A call waits {budget:g} s for a refresh at most",
        "Find out why connecting is slow; if it always is, raise AURORA_OTEL_REFRESH_TIMEOUT.",
    )
