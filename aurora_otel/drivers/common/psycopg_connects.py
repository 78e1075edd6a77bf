"""psycopg's connects, as the application asked for them.

psycopg resolves the host itself (`conninfo_attempts`), and then calls `_connect_gen` once for each
address that it found. To repeat that would be to connect to the same address, whatever the name
leads to by then. So what the application gave is kept between the two, for the thread or the task
that connects.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import psycopg
from psycopg import conninfo

from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.protocol import Hooks
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts

Connecting = Generator[Any, Any, Any]
# psycopg comes back for the last time at its own limit: this much sooner the agent is there first.
_SOONER = 0.01


class _Given(NamedTuple):
    """What the application gave, of which psycopg makes attempts.

    Attributes:
        host: the one host, by its name, if it gave one.
        hosts: all that it gave, if those are several.
        addresses: what psycopg made of it, in the order in which it tries them.
        error: why it could make nothing of it.
    """

    host: Address | None
    hosts: tuple[Address, ...] = ()
    addresses: tuple[str, ...] = ()
    error: psycopg.Error | None = None


# The one host, or all where several are named.
_Named = tuple[Address | None, tuple[Address, ...]]
_NONE: _Named = (None, ())
_NOTHING = _Given(None)
_given: ContextVar[_Given] = ContextVar("aurora_otel_psycopg_given", default=_NOTHING)


def resolve(
    hooks: Hooks,
    wrapped: Callable[..., list[dict[str, Any]]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> list[dict[str, Any]]:
    """Stand in for `conninfo_attempts`: return the attempts, and keep what they were made of.

    A name that does not resolve is left for `_connect_gen` to fail with.
    """
    parameters = dict(args[0] if args else kwargs["params"])
    named, is_done = _begin(hooks, parameters)
    if is_done:
        return [parameters]
    try:
        return _end(named, wrapped(*args, **kwargs))
    except psycopg.OperationalError as error:
        _fail_later(named, error)
        return [parameters]


async def resolve_on_loop(
    hooks: Hooks,
    wrapped: Callable[..., Awaitable[list[dict[str, Any]]]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> list[dict[str, Any]]:
    """Stand in for `conninfo_attempts_async`; as `resolve`."""
    parameters = dict(args[0] if args else kwargs["params"])
    named, is_done = _begin(hooks, parameters)
    if is_done:
        return [parameters]
    try:
        return _end(named, await wrapped(*args, **kwargs))
    except psycopg.OperationalError as error:
        _fail_later(named, error)
        return [parameters]


def _begin(hooks: Hooks, parameters: Mapping[str, Any]) -> tuple[_Named, bool]:
    """Return what is named, and whether that is one host that need not be resolved."""
    named = hooks.guarded(_read, parameters) or _NONE
    host, hosts = named
    if host is None or not hooks.goes_straight(host) or libpq.is_led_elsewhere():
        return named, False
    _given.set(_Given(host, hosts))
    return named, True


def _read(parameters: Mapping[str, Any]) -> _Named:
    host = libpq.named_host(parameters)
    return (host, ()) if host else (None, libpq.several_hosts(parameters))


def _end(named: _Named, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    host, hosts = named
    addresses = tuple([each["hostaddr"] for each in found if "hostaddr" in each])
    # Without addresses, psycopg leaves the name to libpq.
    _given.set(_Given(host if addresses else None, hosts, addresses))
    return found


def _fail_later(named: _Named, error: psycopg.Error) -> None:
    host, hosts = named
    if host is None:
        raise error
    _given.set(_Given(host, hosts, error=error))


class Asked:
    """One call of `_connect_gen`, as the application asked for it.

    Attributes:
        conninfo: what it gave, without what psycopg made of it.
        is_by_name: whether it gave one host, by its name.
        host: the one host, by its name, unless psycopg has more addresses to try after this one.
        hosts: all that it gave, if those are several.

    Args:
        hooks: where to ask what to do about a connect that hangs.
        connect: psycopg's `_connect_gen`.
        attempt: the connection string that psycopg calls it with.
    """

    def __init__(
        self,
        hooks: Hooks,
        connect: Callable[[str], Connecting],
        attempt: str,
    ) -> None:
        self._hooks = hooks
        self._connect = connect
        self.conninfo = attempt
        self.host: Address | None = None
        given = _given.get()
        self.hosts = given.hosts
        # The first connect, by what psycopg has resolved, is psycopg's own.
        self._first: Callable[[], Connecting] | None = partial(connect, attempt)
        self.is_by_name = False
        host = given.host
        if host is not None and f"host={host.host}" in attempt:
            self._see(given, host, attempt)

    def _see(self, given: _Given, host: Address, attempt: str) -> None:
        """Take note of what the application gave, if this attempt is made of that.

        Nothing is parsed here: every connect passes it. psycopg puts the address last.
        """
        if not given.addresses:
            self._first = partial(_failing, given.error) if given.error else None
            self.host = host
        else:
            plain, _, found = attempt.rpartition(" hostaddr=")
            if found not in given.addresses:
                return
            self.conninfo = plain
            if found == given.addresses[-1]:
                self.host = host
        self.is_by_name = True

    @property
    def parameters(self) -> dict[str, Any]:
        """The connection parameters that the application gave."""
        return dict(conninfo.conninfo_to_dict(self.conninfo))

    @property
    def timeout(self) -> float:
        """The seconds that the application allows for a connect."""
        return float(conninfo.timeout_from_conninfo(self.parameters))

    def connect(self, attempts: Callable[[Mapping[str, Any]], list[dict[str, Any]]]) -> Connecting:
        """Connect as the application asked, the host's name resolved afresh.

        Args:
            attempts: psycopg's `conninfo_attempts`.
        """
        return self.as_resolved() or self._limited(self._afresh(attempts), None)

    def as_resolved(self) -> Connecting | None:
        """Return a connect by what psycopg resolved; `None`: a name is to be resolved afresh."""
        first, self._first = self._first, None
        if first is not None:
            return self._limited(first(), self.host)
        return None if self.is_by_name else self._limited(self._connect(self.conninfo), None)

    def connect_to(self, parameters: Mapping[str, Any]) -> Connecting:
        """Connect with these parameters."""
        return self._connect(conninfo.make_conninfo("", **parameters))

    def connect_straight(self, to: Whereabouts) -> Connecting:
        """Connect to a network address, where the application gave a name."""
        parameters = {**self.parameters, "hostaddr": to.address.host}
        return self._limited(self.connect_to(parameters), None)

    def _afresh(self, attempts: Callable[[Mapping[str, Any]], list[dict[str, Any]]]) -> Connecting:
        failure: psycopg.Error | None = None
        for each in attempts(self.parameters):
            try:
                return (yield from self.connect_to(each))
            except psycopg.Error as error:  # noqa: PERF203 - as psycopg does
                failure = error
        raise failure or psycopg.OperationalError("no host to connect to")

    def _limited(self, connecting: Connecting, host: Address | None) -> Connecting:
        """Drive a connect for as long as the application allows.

        Args:
            connecting: the connect.
            host: give it up, too, once connects to this host go straight to the writer.

        Raises:
            ConnectionTimeout: that was too long.
        """
        began, until = time.monotonic(), 0.0
        with contextlib.closing(connecting):
            try:
                state = next(connecting)
                while True:
                    ready = yield state
                    if not ready:
                        # Nothing has come for a while.
                        until = until or began + self.timeout - _SOONER
                        if self._is_over(until, host):
                            raise psycopg.errors.ConnectionTimeout("connection timeout expired")
                    state = connecting.send(ready)
            except StopIteration as end:
                return end.value

    def _is_over(self, until: float, host: Address | None) -> bool:
        return time.monotonic() >= until or (host is not None and self._hooks.goes_straight(host))


def _failing(error: psycopg.Error) -> Connecting:
    raise error
    yield  # pragma: no cover - it makes this a generator
