"""psycopg2.

Its types are C types, checked as such by its own extras, so connections and cursors become
instances of real subclasses; the application's own classes stay as they are (`classes`). The hook
sits at `psycopg2._connect`, below what other instrumentations wrap.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import psycopg2
from psycopg2 import extensions
from psycopg2._psycopg import ReplicationConnection

from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Attempt, Login, LoginFailure, Opening
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Hooks, Monitor, Rows, Traced
from aurora_otel.drivers.psycopg2 import monitor, session
from aurora_otel.drivers.psycopg2.classes import WatchedClasses, track_by_reference
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime import blocking
from aurora_otel.tracking.track import Track


class Adapter(libpq.LibpqDriver):
    """The `Driver` for psycopg2."""

    name = "psycopg2"
    parse = staticmethod(extensions.parse_dsn)
    make = staticmethod(extensions.make_dsn)

    def install(
        self, module: ModuleType, hooks: Hooks, traced: Traced | None
    ) -> Callable[[], None]:
        """Patch `psycopg2._connect`."""
        patches = Patches()
        spanned = functools.partial(traced, self.system, attributes=libpq.SHOWN) if traced else None
        classes = WatchedClasses(hooks, spanned)

        def connect(
            wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            began = time.time_ns()
            dsn, factory, rest = _arguments(*args, **kwargs)

            def open_one(dsn: str = dsn) -> Any:
                connection = wrapped(dsn, connection_factory=classes.factory(factory), **rest)
                if _is_connection(connection):
                    hooks.guarded(classes.watch, connection)
                return connection

            def straight(to: Whereabouts) -> Any:
                return open_one(extensions.make_dsn(dsn, hostaddr=to.address.host))

            def opening(connection: Any) -> Opening | None:
                # A factory may return anything, and what it got from elsewhere is counted already.
                if not _is_connection(connection) or track_by_reference(connection) is not None:
                    return None
                login = hooks.guarded(_login, connection, dsn, given) or Login(dsn)
                return Opening(connection, login, open_one, began, hosts)

            # What is not connected yet when it is returned cannot be checked; what a factory that
            # is no class returns, neither.
            is_checked = not any(rest.values()) and (factory is None or isinstance(factory, type))
            given = hooks.guarded(extensions.parse_dsn, dsn)
            host = hooks.guarded(_host, given) if is_checked else None
            hosts = hooks.guarded(libpq.several_hosts, given or {}) or ()
            attempt = Attempt(host, open_one, straight if host else None, opening)
            return blocking.run(hooks.connect_steps(self, attempt))

        patches.wrap(module, "_connect", connect)

        def undo() -> None:
            patches.undo()
            classes.undo()

        return undo

    def address(self, connection: Any) -> Address:
        """Return what libpq connected to."""
        info = connection.info
        return Address(info.host or "localhost", info.port or libpq.DEFAULT_PORT)

    def backend_id(self, connection: Any) -> str | None:
        """Return the process id of `BackendKeyData`."""
        return str(connection.info.backend_pid)

    def fileno(self, connection: Any) -> int:
        """Return libpq's descriptor, -1 once the connection is closed."""
        return session.fileno(connection)

    def accepts_questions(self, connection: Any, login: Login) -> bool:
        """Neither asynchronous nor for replication."""
        if connection.async_ or isinstance(connection, ReplicationConnection):
            return False
        # Parsing takes longer than most of the rest.
        return "replication" not in login.parameters or not libpq.is_replication(
            extensions.parse_dsn(login.parameters)
        )

    def is_idle(self, connection: Any) -> bool:
        """Not in a transaction."""
        return (
            not connection.closed
            and connection.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE
        )

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement in autocommit, which is switched without a round trip."""
        return session.ask(connection, statement, timeout)

    def discard(self, connection: Any) -> None:
        """Close it past the hook on `close`."""
        session.drop(connection)

    def mark(self, connection: Any, track: Track) -> None:
        """Set the attribute, where the object takes one: a bare C connection does not."""
        # Past a `__setattr__` of the application's own class.
        with contextlib.suppress(AttributeError):
            object.__setattr__(connection, ATTRIBUTE, track)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect asynchronously, so that every step has a deadline, below every patch."""
        return monitor.connect(login.parameters, address, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by libpq's words: psycopg2 has no SQLSTATE for a failed connect."""
        if not isinstance(error, psycopg2.OperationalError):
            return None
        return libpq.login_failure(error.pgcode, str(error))


def _is_connection(made: Any) -> bool:
    """Return whether it is a connection itself, and no proxy that passes for one."""
    return issubclass(type(made), extensions.connection)


def _arguments(
    dsn: str, connection_factory: Any = None, **rest: Any
) -> tuple[str, Any, dict[str, Any]]:
    return dsn, connection_factory, rest


def _host(given: dict[str, str] | None) -> Address | None:
    return None if given is None or libpq.is_led_elsewhere() else libpq.named_host(given)


def _login(connection: Any, dsn: str, given: dict[str, str]) -> Login:
    info = connection.info
    found = libpq.login(given, info.password, lambda: info.dsn_parameters)
    return Login(dsn if found == given else extensions.make_dsn(**found))
