"""How the agent's own connections log in to one cluster: with the application's logins.

A login that was refused is not tried again until the application has connected with it; where a
server has no connection left, it is left alone for long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from aurora_otel.discovery.rds.iam import Token
from aurora_otel.discovery.source import (
    LoginNotAllowedError,
    LoginPostponedError,
    SilentLatelyError,
)
from aurora_otel.discovery.targets import Target
from aurora_otel.drivers.connects import Login, LoginFailure
from aurora_otel.drivers.protocol import Driver, Monitor
from aurora_otel.model.endpoints import Address, Endpoint, EndpointType
from aurora_otel.model.pace import LoginPace
from aurora_otel.monitoring.trials import Trials
from aurora_otel.runtime.spare import spare

# So many logins are kept: applications with a database for each tenant have any number of them.
MOST_LOGINS = 4
# Seconds for which a server that has no connection left is left alone, doubled up to the second.
FULL_FIRST = 60.0
FULL_LONGEST = 900.0
# These lead to the writer by no failover, or are instances, which are asked by name.
_NO_WRITERS = (EndpointType.READER, EndpointType.PROXY, EndpointType.INSTANCE)
# For so many seconds, a login that worked is not taken to be refused: passwords are rotated.
PROVEN_FOR = 60.0
# An attempt waits for this share of its time for what comes of another one; of a login that worked
# lately, for less: to be refused takes no longer than to be admitted, and a target that does not
# respond must not delay the others.
PATIENCE = 0.6
PROVEN_PATIENCE = 0.1


class Access(NamedTuple):
    """How the application connected to a cluster: monitoring connections do the same."""

    driver: Driver
    login: Login
    endpoint: Endpoint

    @property
    def token(self) -> Token | None:
        """What the application logged in with, if that is an IAM token."""
        return Token.parse(self.driver.password(self.login))

    def is_like(self, other: Access) -> bool:
        """Return whether both log in alike, the password aside: it is rotated; tokens expire."""
        if self.driver is not other.driver:
            return False
        if self.login == other.login:
            return True
        blank, others = (each.driver.with_password(each.login, "") for each in (self, other))
        return blank == others


@dataclass(slots=True, eq=False)
class _Known:
    """A login that worked, and what came of it since; the threads that ask alone change that.

    Attributes:
        access: the login.
        proven_at: when a login of the agent's own with it worked, if it was the last one.
        is_refused: whether a server refused its user or password.
        unusable_at: the targets where it does not work for another reason.
    """

    access: Access
    proven_at: float = float("-inf")
    is_refused: bool = False
    unusable_at: set[Address | None] = field(default_factory=set)

    def leads_to(self, target: Target) -> bool:
        """Return whether it may be tried at a target: another host has a login of its own."""
        is_anywhere = target.instance is not None or target.address is None or target.is_place
        return is_anywhere or target.address == self.access.endpoint.address

    def may_try(self, where: Address | None) -> bool:
        return not self.is_refused and where not in self.unusable_at

    def may_be_refused(self, where: Address | None, now: float) -> bool:
        """Return whether it would be tried at a target without being known to work still."""
        return self.may_try(where) and now - self.proven_at >= PROVEN_FOR


class _Full(NamedTuple):
    """A server without a connection left: when it may be tried again, and the time from then on."""

    until: float
    pause: float


class ClusterAccess:
    """The logins of one cluster.

    `note` is called from any thread, `connect` by the threads that ask a target each, all else by
    the thread that refreshes. No lock but that of `Trials`: each step is atomic, or replaces a
    value as a whole.

    Args:
        sign: returns an IAM token like the application's for another endpoint, or `None`.
        clock: the monotonic clock.
        pace: when a login is due.
    """

    def __init__(
        self,
        sign: Callable[[Token, Address], str | None],
        clock: Callable[[], float],
        pace: LoginPace,
    ) -> None:
        self._sign = sign
        self._clock = clock
        self._pace = pace
        # The newest first. Replaced as a whole: two that are noted at one moment may cost one.
        self._known: tuple[_Known, ...] = ()
        self._full: dict[Address | None, _Full] = {}
        self._trials = Trials(clock)

    @property
    def newest(self) -> Access | None:
        """How the application last connected; `None` before its first connection."""
        return self._known[0].access if self._known else None

    @property
    def logins(self) -> tuple[Access, ...]:
        """The logins that are kept, the newest first."""
        return tuple(known.access for known in self._known)

    @property
    def other_hosts(self) -> tuple[Endpoint, ...]:
        """Where else the application connected to with these logins, and may reach the writer."""
        endpoints = (access.endpoint for access in self.logins[1:])
        found = {each.address: each for each in endpoints if each.type not in _NO_WRITERS}
        if self.newest:
            found.pop(self.newest.endpoint.address, None)
        return tuple(found.values())

    def note(self, access: Access) -> None:
        """Keep a login that has just worked for the application: it may be tried again."""
        others = (known for known in self._known if not access.is_like(known.access))
        self._known = (_Known(access), *others)[:MOST_LOGINS]

    def connect(
        self, target: Target, timeout: float, longest: float = 0.0, *, is_urgent: bool = False
    ) -> Monitor:
        """Open a connection to `target`, with the newest login that works there.

        Args:
            target: where to.
            timeout: seconds, for all attempts together.
            longest: seconds after which an attempt that has begun is given up, if that is later.
            is_urgent: whether a login is due whatever the pace: a claim stands against the target.

        Raises:
            LoginNotAllowedError: no login may be tried there.
            LoginPostponedError: it may be tried later.
            SilentLatelyError: it may be tried later; the last login was not answered in time.
            TimeoutError: it took longer.
            Exception: the driver's own.
        """
        now = self._clock()
        if not is_urgent and self._pace.is_silent(_key(target), now):
            raise SilentLatelyError("the last login was not answered in time")
        if not is_urgent and not self._pace.may_log_in(_key(target), now):
            raise LoginPostponedError("another login is not due yet")
        if (full := self._full.get(target.address)) and now < full.until:
            raise LoginNotAllowedError("the server has no connection left")
        failure: Exception = LoginNotAllowedError("no login works")
        until, given_up = now + timeout, now + max(timeout, longest)
        for known in self._known:
            if not (known.leads_to(target) and known.may_try(target.address)):
                continue
            login = self._login(known.access, target)
            if login is None:
                continue
            is_untested = known.may_be_refused(target.address, now)
            with self._trials.turn(
                partial(known.may_try, target.address),
                until,
                (PATIENCE if is_untested else PROVEN_PATIENCE) * (until - self._clock()),
                is_untested=is_untested,
            ):
                # It may have been refused at another target meanwhile.
                if not known.may_try(target.address):
                    continue
                try:
                    return self._log_in(known, login, target, given_up)
                except Exception as error:
                    self._note_pace(known, target, error)
                    if not self._note_failure(known, target.address, error):
                        raise
                    failure = error
        raise failure

    def _log_in(self, known: _Known, login: Login, target: Target, until: float) -> Monitor:
        left = max(until - self._clock(), 0.001)
        made = spare.with_room(known.access.driver.monitor, login, _where(target), left)
        known.proven_at = self._clock()
        self._pace.logged_in(_key(target), self._clock())
        self._full.pop(target.address, None)
        return made

    def is_rejected(self, error: Exception) -> bool:
        """Return whether `error`, raised by `connect`, means that no login may be used there."""
        if isinstance(error, LoginNotAllowedError):
            return not isinstance(error, LoginPostponedError)
        return any(known.access.driver.login_failure(error) for known in self._known)

    @property
    def may_keep(self) -> bool:
        """Whether a connection may stay open: no server was found to have none left."""
        now = self._clock()
        return all(now >= full.until for full in list(self._full.values()))

    def _note_pace(self, known: _Known, target: Target, error: Exception) -> None:
        """Take note of an attempt that cost the server a login; one that it never saw did not."""
        if isinstance(error, TimeoutError):
            self._pace.silent(_key(target), self._clock())
        elif known.access.driver.login_failure(error) is not None:
            self._pace.logged_in(_key(target), self._clock())

    def _note_failure(self, known: _Known, where: Address | None, error: Exception) -> bool:
        """Take note of a failed attempt; return whether another login may be tried there."""
        known.proven_at = float("-inf")
        failure = known.access.driver.login_failure(error)
        if failure is LoginFailure.REFUSED:
            self._refuse(known.access)
        elif failure is LoginFailure.UNUSABLE:
            known.unusable_at.add(where)
        elif failure is LoginFailure.FULL:
            self._back_off(where)
        return failure in (LoginFailure.REFUSED, LoginFailure.UNUSABLE)

    def _refuse(self, refused: Access) -> None:
        """Try none with this password any more: each attempt counts for a lock of the account."""
        password = refused.driver.password(refused.login)
        for known in self._known:
            access = known.access
            if access is refused or (password and access.driver.password(access.login) == password):
                known.is_refused = True

    def _back_off(self, where: Address | None) -> None:
        before = self._full.get(where)
        pause = min(2 * before.pause, FULL_LONGEST) if before else FULL_FIRST
        self._full[where] = _Full(self._clock() + pause, pause)

    def _login(self, access: Access, target: Target) -> Login | None:
        """Return the login for `target`, with a token of its own where an IAM token is used.

        The application's own token opens the application's own host, and no other.
        """
        token, where = access.token, _where(target)
        if token is None:
            return access.login
        signing_target = token.signing_target(target.instance, where)
        signed = self._sign(token, signing_target) if signing_target else None
        if signed is not None:
            return access.driver.with_password(access.login, signed)
        is_for_there = where is None or signing_target == token.signed_for
        return access.login if is_for_there else None


def _where(target: Target) -> Address | None:
    """Return where a login leads to; `None`: to its own host."""
    return target.address if target.instance or target.is_place else None


def _key(target: Target) -> str | Address | None:
    """Return what the pace knows a target by."""
    return target.instance or target.address
