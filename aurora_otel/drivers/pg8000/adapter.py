"""pg8000: `pg8000.dbapi`, `pg8000.native` and `pg8000.connect`.

All three are `CoreConnection`: its `__init__` connects, and five of its methods are everything that
sends and receives afterwards. The object is there before it is connected, so another attempt to
connect is made under the same object.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import time
from collections.abc import Callable
from operator import attrgetter
from types import ModuleType
from typing import Any, NamedTuple

from pg8000 import core, dbapi, legacy
from pg8000.exceptions import DatabaseError, Error

from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import watch, watch_close
from aurora_otel.drivers.pg8000 import session
from aurora_otel.drivers.protocol import (
    ATTRIBUTE,
    Failure,
    Hooks,
    Login,
    LoginFailure,
    Monitor,
    Opening,
    Rows,
    Traced,
    report_opened,
)
from aurora_otel.model.endpoints import Address
from aurora_otel.tracking.track import Track

_CALLS = (
    "close_prepared_statement",
    "execute_named",
    "execute_simple",
    "execute_unnamed",
    "prepare_statement",
)
# What comes of a network that fails: an OSError from the first read, InterfaceError elsewhere.
_ERRORS = (Error, OSError)
_NETWORK_ERROR = ("network error",)
# On the connection: where it leads, and the SQLSTATE with which the server ended the session.
_PLACE = "_aurora_otel_place"
_FAREWELL = "_aurora_otel_farewell"
_SHOWN = {
    "database": f"{_PLACE}.database",
    "host": f"{_PLACE}.host",
    "port": f"{_PLACE}.port",
    "user": "user",
}


class _Place(NamedTuple):
    """Where a connection leads, as the application wrote it."""

    unix_sock: Any
    host: Any
    port: Any
    database: Any


class _Arguments(NamedTuple):
    """What an application connected with.

    Attributes:
        connect: by parameter, without a socket of its own.
        repeatable: whether another connection can be made with them.
    """

    connect: dict[str, Any]
    repeatable: bool

    def __repr__(self) -> str:
        return "<_Arguments>"  # a secret is among them

    @property
    def place(self) -> _Place:
        """Where they lead."""
        return _Place(*(self.connect[name] for name in _Place._fields))


class Adapter:
    """The `Driver` for pg8000."""

    name = "pg8000"
    system = "postgresql"

    def install(
        self, module: ModuleType, hooks: Hooks, traced: Traced | None
    ) -> Callable[[], None]:
        """Patch `CoreConnection`; for query spans also the cursors."""
        connection = module.core.CoreConnection
        signature = inspect.signature(connection.__init__)
        patches = Patches()

        def connect(
            wrapped: Callable[..., Any], made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> None:
            began = time.time_ns()
            wrapped(*args, **kwargs)

            def reconnect() -> Any:
                with session.second_attempt(made):
                    wrapped(*args, **kwargs)
                vars(made).pop(_FAREWELL, None)
                return made

            def opening() -> Opening:
                arguments = _arguments(signature.bind(made, *args, **kwargs), made)
                setattr(made, _PLACE, arguments.place)
                return Opening(made, Login(arguments), reconnect, began)

            report_opened(hooks, self, opening)

        patches.wrap(connection, "__init__", connect)
        for name in _CALLS:
            original = getattr(connection, name)
            watched = watch(
                hooks, original, errors=_ERRORS, failure_of=_failure, may_wait=_may_wait
            )
            patches.replace(connection, name, watched)
        patches.replace(connection, "close", watch_close(hooks, connection.close, self.is_closed))
        remembering = _remembering(hooks, connection.handle_ERROR_RESPONSE)
        patches.replace(connection, "handle_ERROR_RESPONSE", remembering)
        if traced is not None:
            _trace(patches, functools.partial(traced, self.system, attributes=_SHOWN))
        return patches.undo

    def address(self, connection: Any) -> Address:
        """Return what pg8000 was told to connect to, or what the given socket leads to."""
        place = getattr(connection, _PLACE)
        if place.unix_sock is None:
            return Address(place.host, int(place.port))
        directory, _, port = os.fsdecode(place.unix_sock).rpartition("/.s.PGSQL.")
        return Address(directory, int(port))

    def backend_id(self, connection: Any) -> str | None:
        """Return the process id of `BackendKeyData`."""
        key = connection._backend_key_data  # noqa: SLF001 - shown nowhere else
        return None if key is None else str(core.i_unpack(key)[0])

    def fileno(self, connection: Any) -> int:
        """Return the socket's descriptor, -1 once the connection is closed."""
        return session.fileno(connection)

    def askable(self, connection: Any, login: Login) -> bool:
        """Not in a transaction or for replication, nor on a socket that cannot be had again."""
        arguments = login.parameters
        return (
            arguments.repeatable
            and connection._transaction_status in (None, core.IDLE)  # noqa: SLF001 - as above
            and not libpq.is_replication(arguments.connect)
            and not libpq.is_replication(arguments.connect.get("startup_params") or {})
        )

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement below the public classes' own state."""
        return session.ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Whether pg8000 has let go of its socket."""
        return connection._usock is None  # noqa: SLF001 - as above

    def discard(self, connection: Any) -> None:
        """Close its socket."""
        session.drop(connection)

    def mark(self, connection: Any, track: Track) -> None:
        """Set the attribute."""
        setattr(connection, ATTRIBUTE, track)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect below every patch."""
        return session.Session(_overridden(login.parameters.connect, address), timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the SQLSTATE."""
        return libpq.login_failure(_sqlstate(error), str(error))

    def password(self, login: Login) -> str | None:
        """Return the argument `password`."""
        password = login.parameters.connect["password"]
        return os.fsdecode(password) if isinstance(password, bytes) else password

    def with_password(self, login: Login, password: str) -> Login:
        """Replace the argument `password`."""
        arguments = login.parameters
        return Login(arguments._replace(connect={**arguments.connect, "password": password}))


def _arguments(bound: inspect.BoundArguments, connection: Any) -> _Arguments:
    bound.apply_defaults()
    connect = dict(bound.arguments)
    del connect["self"]
    if connect.pop("sock", None) is None:
        return _Arguments(connect, repeatable=True)
    # An application's own socket is not led anywhere by `host` and `port`.
    with contextlib.suppress(OSError, ValueError):
        connect["host"], connect["port"], *_ = connection._usock.getpeername()  # noqa: SLF001
    return _Arguments(connect, repeatable=False)


def _overridden(connect: dict[str, Any], address: Address | None) -> dict[str, Any]:
    """Return the arguments of a monitoring connection, all but the time-out."""
    changed: dict[str, Any] = {"application_name": libpq.APPLICATION_NAME, "replication": None}
    if started := connect.get("startup_params"):
        changed["startup_params"] = {k: v for k, v in started.items() if k not in changed}
    if address is not None:
        changed |= {"host": address.host, "port": address.port, "unix_sock": None}
    return {k: v for k, v in (connect | changed).items() if k != "timeout"}


def _sqlstate(error: Exception) -> str | None:
    fields = error.args[0] if isinstance(error, DatabaseError) and error.args else None
    return fields.get(core.RESPONSE_CODE) if isinstance(fields, dict) else None


def _failure(connection: Any, error: Exception, args: tuple[Any, ...]) -> Failure:
    lost = isinstance(error, OSError) or error.args == _NETWORK_ERROR
    sqlstate = getattr(connection, _FAREWELL, None) if lost else _sqlstate(error)
    return libpq.failure(sqlstate, lost=lost, may_wait=_may_wait(args))


def _may_wait(args: tuple[Any, ...]) -> bool:
    return bool(args[0] != "rollback")


def _remembering(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    """Keep why the server ended the session: pg8000 forgets it over the end of the stream."""

    @functools.wraps(original)
    def handle(self: Any, data: Any, context: Any) -> Any:
        original(self, data, context)
        hooks.guarded(_remember, self, context)

    return handle


def _remember(connection: Any, context: Any) -> None:
    fields = context.error.args[0]
    # The severity in English, whatever language the server speaks.
    if fields.get("V") in ("FATAL", "PANIC"):
        setattr(connection, _FAREWELL, fields.get(core.RESPONSE_CODE))


def _trace(patches: Patches, traced: Callable[..., Any]) -> None:
    """Have the cursors of both DB-APIs, and the native connection, make query spans."""
    # The one module that `import pg8000` does not bring.
    from pg8000 import native  # noqa: PLC0415 - else it would be loaded for nothing

    for cursor in (dbapi.Cursor, legacy.Cursor):
        for name in ("callproc", "execute", "executemany"):
            if original := vars(cursor).get(name):
                # Their attribute `connection` warns that it is an extension.
                made = traced(original, connection_of=attrgetter("_c"))
                patches.replace(cursor, name, made)
    run = traced(native.Connection.run, connection_of=lambda connection: connection)
    patches.replace(native.Connection, "run", run)
