"""pg8000: `pg8000.dbapi`, `pg8000.native` and `pg8000.connect`.

All three are `CoreConnection`: its `__init__` connects, and five of its methods are everything that
sends and receives afterwards. The object is there before it is connected, so another attempt to
connect is made under the same object.
"""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pg8000 import core

from aurora_otel.drivers.base import DriverBase
from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Attempt, Login, LoginFailure, Opening
from aurora_otel.drivers.pg8000 import calls, monitor, session
from aurora_otel.drivers.protocol import Hooks, Monitor, Rows, Traced
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime import blocking

# On the connection: where it leads.
_PLACE = "_aurora_otel_place"
_SHOWN = {
    "database": f"{_PLACE}.database",
    "host": f"{_PLACE}.host",
    "port": f"{_PLACE}.port",
}


class Adapter(DriverBase):
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

            def open_one(**changed: Any) -> Any:
                session.connect_again(
                    made, functools.partial(wrapped, *args, **{**kwargs, **changed})
                )
                calls.forget_end(made)
                return made

            def straight(to: Whereabouts) -> Any:
                bound = signature.bind(made, *args, **kwargs)
                with session.socket_to(to.address, bound) as sock:
                    return open_one(sock=sock)

            def opening(_: Any) -> Opening:
                arguments = session.arguments_of(signature.bind(made, *args, **kwargs), made)
                setattr(made, _PLACE, arguments.place)
                return Opening(made, Login(arguments), open_one, began)

            host = hooks.guarded(lambda: session.host_of(signature.bind(made, *args, **kwargs)))
            attempt = Attempt(host, open_one, straight if host else None, opening)
            blocking.run(hooks.connect_steps(self, attempt))

        patches.wrap(connection, "__init__", connect)
        calls.watch_all(patches, hooks)
        if traced is not None:
            calls.trace(patches, functools.partial(traced, self.system, attributes=_SHOWN))
        return patches.undo

    def address(self, connection: Any) -> Address:
        """Return what pg8000 was configured to connect to, or what the given socket leads to."""
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

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - as any driver
        """Neither for replication nor on a socket that cannot be had again."""
        arguments = login.parameters
        return (
            arguments.repeatable
            and not libpq.is_replication(arguments.connect)
            and not libpq.is_replication(arguments.connect.get("startup_params") or {})
        )

    def is_idle(self, connection: Any) -> bool:
        """Not in a transaction."""
        return connection._transaction_status in (None, core.IDLE)  # noqa: SLF001 - as above

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement below the public classes' own state."""
        return session.ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Return whether pg8000 has closed its socket."""
        return session.is_closed(connection)

    def discard(self, connection: Any) -> None:
        """Close its socket."""
        session.drop(connection)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect below every patch."""
        return monitor.connect(login.parameters.connect, address, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the SQLSTATE."""
        return libpq.login_failure(calls.sqlstate_of(error), str(error))

    def password(self, login: Login) -> str | None:
        """Return the argument `password`."""
        password = login.parameters.connect["password"]
        return os.fsdecode(password) if isinstance(password, bytes) else password

    def with_password(self, login: Login, password: str) -> Login:
        """Replace the argument `password`."""
        arguments = login.parameters
        return Login(arguments._replace(connect={**arguments.connect, "password": password}))
