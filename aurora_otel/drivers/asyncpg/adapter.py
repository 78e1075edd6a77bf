"""asyncpg: the `Driver`.

Connections are received in `connect_utils._connect`, a function of a module that is looked up for
each call: below the public `connect`, which pools call, and above `target_session_attrs`, for which
several hosts may be tried.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from asyncpg import Connection

from aurora_otel.drivers.asyncpg import calls, monitor, session
from aurora_otel.drivers.asyncpg.connects import StraightLoop, named_host
from aurora_otel.drivers.base import DriverBase
from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.patching import Patches, wrap_innermost
from aurora_otel.drivers.connects import Attempt, Login, LoginFailure, Opening
from aurora_otel.drivers.protocol import Hooks, Monitor, Rows, Traced
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime.coroutines import run
from aurora_otel.tracking.track import Track

_OF_THE_LOOP = ("loop", "connection_class", "record_class")


class Adapter(DriverBase):
    """The `Driver` for asyncpg."""

    name = "asyncpg"
    system = "postgresql"

    def install(
        self, module: ModuleType, hooks: Hooks, traced: Traced | None
    ) -> Callable[[], None]:
        """Patch `connect_utils`, and the classes `Protocol` and `Connection`."""
        patches = Patches()

        def connect(
            wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            began = time.time_ns()
            parameters = {key: kwargs[key] for key in kwargs if key not in _OF_THE_LOOP}

            def again() -> Any:
                return wrapped(*args, **kwargs)

            def straight(to: Whereabouts) -> Any:
                loop = kwargs.get("loop") or asyncio.get_running_loop()
                return wrapped(*args, **{**kwargs, "loop": StraightLoop(loop, to.address)})

            def opening(connection: Any) -> Opening | None:
                if not isinstance(connection, Connection):
                    # A test's stand-in for one.
                    return None
                login = hooks.guarded(_login, connection, parameters) or Login(dict(parameters))
                return Opening(connection, login, again, began)

            host = hooks.guarded(named_host, parameters)
            attempt = Attempt(host, again, straight if host else None, opening)
            return run(hooks.connect_steps(self, attempt))

        unwrap = wrap_innermost(module.connect_utils, "_connect", connect)
        calls.watch_all(patches, hooks)
        if traced is not None:
            calls.trace(patches, functools.partial(traced, self.system, attributes=session.SHOWN))

        def undo() -> None:
            unwrap()
            patches.undo()

        return undo

    def address(self, connection: Any) -> Address:
        """Return which of the application's hosts it has connected to."""
        found = connection._addr  # noqa: SLF001 - shown nowhere else
        if not isinstance(found, str):
            return Address(found[0], int(found[1]))
        directory, _, port = os.fsdecode(found).rpartition("/.s.PGSQL.")
        return Address(directory, int(port))

    def backend_id(self, connection: Any) -> str | None:
        """Return the process id of `BackendKeyData`."""
        return str(connection.get_server_pid())

    def fileno(self, connection: Any) -> int:
        """Return the descriptor of its transport's socket, -1 once it is closed."""
        return session.fileno(connection)

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - as any driver
        """Not for replication."""
        return not libpq.is_replication(login.parameters.get("server_settings") or {})

    def is_idle(self, connection: Any) -> bool:
        """Neither in a transaction nor while a cancelled statement ends."""
        return not (
            connection.is_closed()
            or connection.is_in_transaction()
            or connection._protocol._is_cancelling()  # noqa: SLF001 - as above
        )

    async def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement below asyncpg's own state."""
        return await session.ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Return whether asyncpg has closed it, or has noticed that it is lost."""
        return bool(connection.is_closed())

    def discard(self, connection: Any) -> None:
        """Close its socket."""
        session.drop(connection)

    def mark(self, connection: Any, track: Track) -> None:
        """Put it on the connection's protocol."""
        session.mark(connection, track, self.address(connection))

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect below every patch, on a loop of its own."""
        return monitor.connect(login.parameters, address, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the SQLSTATE, or by the words of a failed TLS handshake."""
        return libpq.login_failure(getattr(error, "sqlstate", None), str(error))

    def password(self, login: Login) -> str | None:
        """Return what it logged in with, wherever asyncpg found it."""
        password: str | None = login.parameters.get("password")
        return password

    def with_password(self, login: Login, password: str) -> Login:
        """Replace the argument `password`."""
        return Login({**login.parameters, "password": password})


def _login(connection: Any, parameters: Mapping[str, Any]) -> Login:
    # A callable has returned it, a file may have held it: asyncpg looks it up by the host's name.
    password = connection._protocol.password  # noqa: SLF001 - shown nowhere else
    return Login({**parameters, "password": password})
