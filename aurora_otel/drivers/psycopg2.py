"""psycopg2.

Its types are C types, checked as such by its own extras, so connections and cursors become
instances of real subclasses: of the application's `connection_factory` and `cursor_factory` where
it has any. The hook sits at `psycopg2._connect`, below what other instrumentations wrap.
"""

from __future__ import annotations

import contextlib
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from types import ModuleType
from typing import Any

import psycopg2
from psycopg2 import extensions
from psycopg2._psycopg import ReplicationConnection

from aurora_otel import cleanup
from aurora_otel.drivers import libpq
from aurora_otel.drivers.patching import Patches, watch
from aurora_otel.drivers.protocol import ATTRIBUTE, Failure, Hooks, Login, Monitor, Opening, Rows
from aurora_otel.endpoints import Address
from aurora_otel.tracker import Track

_CONNECTION_CALLS = (
    "commit",
    "lobject",
    "poll",
    "reset",
    "set_client_encoding",
    "set_isolation_level",
    "set_session",
    "tpc_begin",
    "tpc_commit",
    "tpc_prepare",
    "tpc_recover",
    "tpc_rollback",
)
_CURSOR_CALLS = ("callproc", "copy_expert", "copy_from", "copy_to", "execute", "executemany")
# Only a server-side cursor's go to the network.
_NAMED_CURSOR_CALLS = (
    *_CURSOR_CALLS,
    "__next__",
    "close",
    "fetchall",
    "fetchmany",
    "fetchone",
    "scroll",
)


class Adapter:
    """The `Driver` for psycopg2."""

    name = "psycopg2"
    system = "postgresql"

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:
        """Patch `psycopg2._connect`."""
        patches = Patches()
        classes = _Classes(hooks)

        def connect(
            wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            began = time.time_ns()
            dsn, factory, rest = _arguments(*args, **kwargs)

            def open_one() -> Any:
                connection = wrapped(dsn, connection_factory=classes.factory(factory), **rest)
                return classes.adopt(connection)

            return hooks.opened(self, Opening(open_one(), Login(dsn), open_one, began))

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
            with _deadline(cleanup.identify(connection.fileno()), timeout):
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
        parameters = libpq.overrides(address, timeout)
        return _Monitor(extensions.make_dsn(login.parameters, **parameters), timeout)

    def login_refused(self, error: Exception) -> bool:
        """Go by libpq's words: psycopg2 has no SQLSTATE for a failed connect."""
        return isinstance(error, psycopg2.OperationalError) and libpq.login_refused(
            error.pgcode, str(error)
        )


class _Monitor:
    def __init__(self, dsn: str, timeout: float) -> None:
        self._connection = extensions.connection(dsn, async_=1)
        try:
            self._wait(time.monotonic() + timeout)
        except BaseException:
            self.close()
            raise
        self._socket = cleanup.identify(self._connection.fileno())

    def ask(self, statement: str, timeout: float) -> Rows:
        cursor = self._connection.cursor()
        cursor.execute(statement)
        self._wait(time.monotonic() + timeout)
        return cursor.fetchall()

    def close(self) -> None:
        with contextlib.suppress(psycopg2.Error):
            self._connection.close()

    def abort(self) -> None:
        cleanup.shut_down(self._socket)

    def _wait(self, deadline: float) -> None:
        events = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}
        while (state := self._connection.poll()) != extensions.POLL_OK:
            left = deadline - time.monotonic()
            poll = select.poll()
            poll.register(self._connection.fileno(), events[state])
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError


class _Classes:
    """The watched subclasses, one for each class of the application's."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._connections: dict[type, type] = {}
        self._cursors: dict[tuple[type, bool], type] = {}

    def factory(self, factory: Any) -> Any:
        """Return what to connect with instead of the application's `connection_factory`."""
        if factory is None:
            return self._connection(extensions.connection)
        # A function can only be called; what it returns is adopted.
        return self._connection(factory) if _is(factory, extensions.connection) else factory

    def adopt(self, connection: Any) -> Any:
        """Make a connection that a factory function returned one of the watched class."""
        if type(connection) not in self._connections.values():
            # The bare C type cannot be changed: such a connection is tracked, but not watched.
            with contextlib.suppress(TypeError):
                connection.__class__ = self._connection(type(connection))
        return connection

    def _connection(self, base: type) -> type:
        if base in self._connections.values():
            return base
        if base not in self._connections:
            track_of = attrgetter(ATTRIBUTE)
            members = {
                **self._watched(base, _CONNECTION_CALLS, track_of=track_of, failure_of=_failure),
                **self._watched(
                    base,
                    ("rollback",),
                    track_of=track_of,
                    failure_of=_rollback_failure,
                    may_wait=lambda _: False,
                ),
                "close": _watched_close(self._hooks, base),
                "cursor": self._cursor_method(base),
            }
            self._connections[base] = _subclass(base, members)
        return self._connections[base]

    def _cursor_method(self, base: Any) -> Callable[..., Any]:
        plain = base.cursor is extensions.connection.cursor

        def cursor(connection: Any, *args: Any, **kwargs: Any) -> Any:
            named = bool(kwargs.get("name", args[0] if args else None))
            # Where no class is asked for, it can be told beforehand; any other is adopted
            # afterwards, because an application's own `cursor()` may choose it.
            if plain and len(args) < 2 and kwargs.get("cursor_factory") is None:  # noqa: PLR2004
                factory = connection.cursor_factory or extensions.cursor
                if _is(factory, extensions.cursor):
                    kwargs["cursor_factory"] = self._cursor(factory, named=named)
            made = base.cursor(connection, *args, **kwargs)
            if type(made) is not extensions.cursor and type(made) not in self._cursors.values():
                with contextlib.suppress(TypeError):
                    made.__class__ = self._cursor(type(made), named=made.name is not None)
            return made

        cursor.__doc__ = base.cursor.__doc__
        return cursor

    def _cursor(self, base: type, *, named: bool) -> type:
        key = (base, named)
        if key not in self._cursors:
            calls = _NAMED_CURSOR_CALLS if named else _CURSOR_CALLS
            track_of = attrgetter(f"connection.{ATTRIBUTE}")
            members = self._watched(base, calls, track_of=track_of, failure_of=_cursor_failure)
            self._cursors[key] = _subclass(base, members | {"__slots__": ()})
        return self._cursors[key]

    def _watched(self, base: type, names: Iterable[str], **how: Any) -> dict[str, Any]:
        return {
            name: watch(self._hooks, getattr(base, name), errors=psycopg2.Error, **how)
            for name in names
            if hasattr(base, name)
        }


def _failure(connection: Any, error: Any, _: tuple[Any, ...]) -> Failure:
    return libpq.failure(error.pgcode, lost=bool(connection.closed))


def _rollback_failure(connection: Any, error: Any, _: tuple[Any, ...]) -> Failure:
    return libpq.failure(error.pgcode, lost=bool(connection.closed), may_wait=False)


def _cursor_failure(cursor: Any, error: Any, args: tuple[Any, ...]) -> Failure:
    return _failure(cursor.connection, error, args)


def _arguments(
    dsn: str, connection_factory: Any = None, **rest: Any
) -> tuple[str, Any, dict[str, Any]]:
    return dsn, connection_factory, rest


def _is(factory: Any, base: type) -> bool:
    return isinstance(factory, type) and issubclass(factory, base)


def _subclass(base: type, members: dict[str, Any]) -> type:
    names = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
    }
    return type(base.__name__, (base,), names | members)


def _watched_close(hooks: Hooks, base: Any) -> Callable[..., Any]:
    def close(connection: Any) -> None:
        try:
            base.close(connection)
        finally:
            track = getattr(connection, ATTRIBUTE, None)
            if track is not None and connection.closed:
                hooks.closed(track)

    close.__doc__ = base.close.__doc__
    return close


@contextlib.contextmanager
def _deadline(sock: cleanup.SocketId | None, timeout: float) -> Iterator[None]:
    """Shut `sock` down after `timeout` seconds, unless the block has ended.

    Raises:
        TimeoutError: it has come to that.
    """
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        cleanup.shut_down(sock)

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg2.Error:
        if expired.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
