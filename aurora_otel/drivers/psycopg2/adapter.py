"""psycopg2.

Its types are C types, checked as such by its own extras, so connections and cursors become
instances of real subclasses: of the application's `connection_factory` and `cursor_factory` where
it has any. The hook sits at `psycopg2._connect`, below what other instrumentations wrap.
"""

from __future__ import annotations

import contextlib
import functools
import select
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import psycopg2
from psycopg2 import extensions
from psycopg2._psycopg import ReplicationConnection

from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.deadline import deadline
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.protocol import (
    ATTRIBUTE,
    Hooks,
    Login,
    LoginFailure,
    Monitor,
    Opening,
    Rows,
    Traced,
)
from aurora_otel.drivers.psycopg2.classes import WatchedClasses
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track


class Adapter:
    """The `Driver` for psycopg2."""

    name = "psycopg2"
    system = "postgresql"

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

            def open_one() -> Any:
                connection = wrapped(dsn, connection_factory=classes.factory(factory), **rest)
                return classes.adopt(connection)

            connection = open_one()
            login = hooks.guarded(_login, connection, dsn) or Login(dsn)
            return hooks.opened(self, Opening(connection, login, open_one, began))

        patches.wrap(module, "_connect", connect)
        return patches.undo

    def address(self, connection: Any) -> Address:
        """Return what libpq connected to."""
        info = connection.info
        return Address(info.host or "localhost", info.port or libpq.DEFAULT_PORT)

    def backend_id(self, connection: Any) -> str | None:
        """Return the process id of `BackendKeyData`."""
        return str(connection.info.backend_pid)

    def fileno(self, connection: Any) -> int:
        """Return libpq's descriptor, -1 once the connection is closed."""
        try:
            return int(connection.fileno())
        except psycopg2.Error:
            return -1

    def askable(self, connection: Any, login: Login) -> bool:
        """Not in a transaction, and neither asynchronous nor for replication."""
        return (
            not connection.closed
            and not connection.async_
            and connection.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE
            and not isinstance(connection, ReplicationConnection)
            and not libpq.is_replication(extensions.parse_dsn(login.parameters))
        )

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement in autocommit, which is switched without a round trip.

        A synchronous call of psycopg2 cannot be given a deadline; the socket can.
        """
        autocommit = connection.autocommit
        connection.autocommit = True
        try:
            with deadline(sockets.identify(connection.fileno()), timeout, psycopg2.Error):
                cursor = extensions.cursor(connection)
                cursor.execute(statement)
                return cursor.fetchall()
        finally:
            if not connection.closed:
                connection.autocommit = autocommit

    def is_closed(self, connection: Any) -> bool:
        """Whether psycopg2 has given it up."""
        return bool(connection.closed)

    def discard(self, connection: Any) -> None:
        """Close it past the hook on `close`; its own thread does, and nothing is in flight."""
        extensions.connection.close(connection)

    def mark(self, connection: Any, track: Track) -> None:
        """Set the attribute, where the object takes one: a bare C connection does not."""
        with contextlib.suppress(AttributeError):
            setattr(connection, ATTRIBUTE, track)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect asynchronously, so that every step has a deadline, below every patch."""
        parameters = libpq.overrides(extensions.parse_dsn(login.parameters), address)
        return _Monitor(extensions.make_dsn(login.parameters, **parameters), timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by libpq's words: psycopg2 has no SQLSTATE for a failed connect."""
        if not isinstance(error, psycopg2.OperationalError):
            return None
        return libpq.login_failure(error.pgcode, str(error))

    def password(self, login: Login) -> str | None:
        """Return what libpq is given."""
        return libpq.password(extensions.parse_dsn(login.parameters))

    def with_password(self, login: Login, password: str) -> Login:
        """Put it into the connection string."""
        return Login(extensions.make_dsn(login.parameters, password=password))


class _Monitor:
    def __init__(self, dsn: str, timeout: float) -> None:
        self._connection = extensions.connection(dsn, async_=1)
        try:
            self._wait(time.monotonic() + timeout)
        except BaseException:
            self.close()
            raise
        self._socket = sockets.identify(self._connection.fileno())

    def ask(self, statement: str, timeout: float) -> Rows:
        cursor = self._connection.cursor()
        cursor.execute(statement)
        self._wait(time.monotonic() + timeout)
        return cursor.fetchall()

    def close(self) -> None:
        with contextlib.suppress(psycopg2.Error):
            self._connection.close()

    def abort(self) -> None:
        sockets.shut_down(self._socket)

    def _wait(self, until: float) -> None:
        events = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}
        while (state := self._connection.poll()) != extensions.POLL_OK:
            left = until - time.monotonic()
            poll = select.poll()
            poll.register(self._connection.fileno(), events[state])
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError


def _arguments(
    dsn: str, connection_factory: Any = None, **rest: Any
) -> tuple[str, Any, dict[str, Any]]:
    return dsn, connection_factory, rest


def _login(connection: Any, dsn: str) -> Login:
    info, given = connection.info, extensions.parse_dsn(dsn)
    found = libpq.login(given, info.password, lambda: info.dsn_parameters)
    return Login(dsn if found == given else extensions.make_dsn(**found))
