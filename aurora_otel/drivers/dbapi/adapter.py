"""Any other PEP 249 driver, by what its user says of it.

The fallback: proxies around connections and cursors, and a question by way of the driver's own
cursor. A file of its own serves a driver better (`docs/adding-a-driver.md`).
"""

from __future__ import annotations

import functools
import inspect
import os
import socket
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import wrapt

from aurora_otel.drivers.base import DriverBase
from aurora_otel.drivers.common import libpq, mysql_family
from aurora_otel.drivers.common.patching import wrap_innermost
from aurora_otel.drivers.connects import Login, LoginFailure, Opening
from aurora_otel.drivers.dbapi import monitor, session
from aurora_otel.drivers.dbapi.calls import Proxies, Shown, has_left
from aurora_otel.drivers.dbapi.traits import PORTS, Traits
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure, Hooks, Monitor, Rows, Traced
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track

_SQLSTATE = 5  # characters


class _Arguments(NamedTuple):
    """What an application connected with.

    Attributes:
        unnamed: positional arguments that `connect` has no name for.
        named: all others.
    """

    unnamed: tuple[Any, ...]
    named: Mapping[str, Any]

    def __repr__(self) -> str:
        return "<_Arguments>"  # a secret is among them


class Adapter(DriverBase):
    """The `Driver` for one such module.

    Args:
        module: the driver's.
        traits: what is said of it.
    """

    def __init__(self, module: ModuleType, traits: Traits) -> None:
        self.module = module
        self.traits = traits
        self._errors = (module.Error, OSError)

    @property
    def name(self) -> str:
        """`aurora.driver`."""
        return self.traits.name

    @property
    def system(self) -> str:
        """`db.system.name`."""
        return self.traits.system

    def install(
        self, module: ModuleType, hooks: Hooks, traced: Traced | None
    ) -> Callable[[], None]:
        """Patch the module's `connect`, below other instrumentations."""
        spanned = functools.partial(traced, self.system) if traced else None
        proxies = Proxies(hooks, self._errors, self._failure, spanned)

        def connect(
            wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            began = time.time_ns()

            arguments = _arguments(self._plain_connect, args, kwargs)
            shown = self._shown(arguments.named)

            def open_one() -> Any:
                return proxies.connection(wrapped(*args, **kwargs), shown)

            opening = Opening(open_one(), Login(arguments), open_one, began)
            connection = hooks.opened(self, opening)
            connection._self_is_fresh = False  # noqa: SLF001 - our own proxy
            return connection

        return wrap_innermost(module, "connect", connect)

    def address(self, connection: Any) -> Address:
        """Return what the arguments say, or else where the socket leads.

        Two clusters must not seem to be one because both hide in a DSN.
        """
        shown: Shown = connection._self_shown  # noqa: SLF001 - our own proxy
        if shown.host:
            return Address(shown.host, shown.port)
        return _peer(self.fileno(connection), shown.port)

    def backend_id(self, connection: Any) -> str | None:
        """Return what the driver's user finds."""
        if self.traits.backend_id is None:
            return None
        found = self.traits.backend_id(connection.__wrapped__)
        return None if found is None else str(found)

    def fileno(self, connection: Any) -> int:
        """Return what the driver's user finds.

        Raises:
            Exception: it is no descriptor; on an open connection, that is a mistake to be reported.
        """
        return session.descriptor(connection.__wrapped__, self.traits)

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - the protocol's
        """On any of them."""
        return True

    def is_idle(self, connection: Any) -> bool:
        """Return whether it is fresh: nothing in PEP 249 says whether a transaction is open."""
        # Without its socket there is no deadline: a mistake in `fileno` ends it here.
        reachable = session.socket_of(connection.__wrapped__, self.traits) is not None
        return reachable and bool(connection._self_is_fresh)  # noqa: SLF001 - our own proxy

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement through a cursor, and roll back what that may have begun."""
        plain = connection.__wrapped__
        sock = session.socket_of(plain, self.traits)
        return session.ask(plain, statement, timeout, sock)

    def is_closed(self, connection: Any) -> bool:
        """Return whether its socket is gone."""
        if hasattr(connection, ATTRIBUTE) and has_left(connection):
            return True
        try:
            return session.socket_of(connection.__wrapped__, self.traits) is None
        except Exception:  # noqa: BLE001 - there is no more socket to be found
            return True

    def discard(self, connection: Any) -> None:
        """Shut its socket down, so that closing it does not block."""
        session.drop(connection.__wrapped__, self.traits)

    def mark(self, connection: Any, track: Track) -> None:
        """Set it on the proxy."""
        connection._self_track = track  # noqa: SLF001 - our own proxy

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect with the application's own arguments, but for host and port."""
        arguments = login.parameters
        changed: dict[str, Any] = {}
        if address is not None:
            changed = {self.traits.host: address.host, self.traits.port: address.port}
        for each in self.traits.connect_timeouts:
            changed[each] = mysql_family.whole_seconds(timeout)
        made = self._plain_connect(*arguments.unnamed, **{**arguments.named, **changed})
        return monitor.over(made, self.traits)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the error's code."""
        if not isinstance(error, self.module.Error):
            return None
        code = self._code(error)
        if self.system == "postgresql":
            return libpq.login_failure(code, str(error))
        return mysql_family.login_failure(code, str(error))

    def password(self, login: Login) -> str | None:
        """Return the argument that is usually called so."""
        named = login.parameters.named
        found = named.get(_password_name(named))
        return found if isinstance(found, str) else None

    def with_password(self, login: Login, password: str) -> Login:
        """Replace that argument."""
        unnamed, named = login.parameters
        return Login(_Arguments(unnamed, {**named, _password_name(named): password}))

    @property
    def _plain_connect(self) -> Callable[..., Any]:
        """The driver's own `connect`, below all that was wrapped around it with wrapt."""
        connect = self.module.connect
        while isinstance(connect, wrapt.FunctionWrapper):
            connect = connect.__wrapped__
        return connect  # type: ignore[no-any-return]

    def _shown(self, named: Mapping[str, Any]) -> Shown:
        host, port = str(named.get(self.traits.host) or ""), str(named.get(self.traits.port) or "")
        if host.count(":") == 1:  # more of them are an IPv6 address
            host, _, port = host.partition(":")
        return Shown(
            host,
            int(port) if port.isdecimal() else PORTS[self.system],
            named.get("database") or named.get("dbname") or named.get("db"),
        )

    def _code(self, error: Any) -> Any:
        if self.traits.error_code is not None:
            return self.traits.error_code(error)
        if self.system == "postgresql":
            found = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
            return found if isinstance(found, str) and len(found) == _SQLSTATE else None
        return mysql_family.code_of(error)[0]

    def _failure(self, connection: Any, error: Any, _: tuple[Any, ...]) -> Failure:
        sock = connection._self_track.socket  # noqa: SLF001 - our own proxy
        lost = sockets.is_gone(sock) or (sock is not None and bool(sockets.hung_up([(sock, sock)])))
        code = self._code(error)
        if self.system == "postgresql":
            return libpq.failure(code, lost=lost)
        return mysql_family.failure(code, str(error), lost=lost)


def _arguments(
    connect: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> _Arguments:
    try:
        found = inspect.signature(connect).parameters.values()
        names = [each.name for each in found if each.kind is each.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        names = []  # written in C, and silent about it
    if len(args) > len(names):
        return _Arguments(args, kwargs)
    return _Arguments((), {**dict(zip(names, args)), **kwargs})  # noqa: B905 - some are not given


def _peer(fd: int, port: int) -> Address:
    """Return where a socket leads; `port` counts for a Unix socket."""
    with socket.socket(fileno=os.dup(fd)) as duplicate:
        peer = duplicate.getpeername()
    if isinstance(peer, (str, bytes)):
        return Address(os.fsdecode(peer), port)
    return Address(peer[0], peer[1])


def _password_name(named: Mapping[str, Any]) -> str:
    return "passwd" if "passwd" in named else "password"
