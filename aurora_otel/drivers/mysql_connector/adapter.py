"""mysql-connector-python: `MySQLConnection`, and `CMySQLConnection` over a C library.

Both inherit `connect`, which is also what connects again: in `reconnect()`, and so in the driver's
own pool. It lies below the module's `connect`, which other instrumentations wrap. Which methods go
to the network differs between the two.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mysql.connector import cursor as pure_cursors
from mysql.connector.abstracts import MySQLConnectionAbstract

from aurora_otel.drivers.base import DriverBase
from aurora_otel.drivers.common import connector_connections, mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Attempt, Login, LoginFailure, Opening
from aurora_otel.drivers.mysql_connector import calls, monitor, session
from aurora_otel.drivers.mysql_connector.c_extension import c_cursors
from aurora_otel.drivers.protocol import Hooks, Monitor, Rows, Traced
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime import blocking


class Adapter(DriverBase):
    """The `Driver` for mysql-connector-python."""

    name = "mysql-connector"
    system = mysql_family.SYSTEM

    def install(
        self,
        module: ModuleType,  # noqa: ARG002 - what is patched lies below it
        hooks: Hooks,
        traced: Traced | None,
    ) -> Callable[[], None]:
        """Patch both classes and what they inherit; for query spans also the cursors."""
        patches = Patches()

        def connect(connection: Any, call: mysql_family.Call) -> None:
            given = session.given_by(connection, call.kwargs)

            def first() -> Any:
                session.of(connection).connect(connection, given.unix_socket, call.connect)
                return connection

            def straight(to: Whereabouts) -> Any:
                return session.connect_straight(connection, call.connect, to)

            def opening(_: Any) -> Opening | None:
                if traced is not None:
                    hooks.guarded(session.keep_spans_apart, connection)
                return hooks.guarded(_opening, connection, original, call.began)

            host = hooks.guarded(_host, given)
            attempt = Attempt(host, first, straight if host else None, opening)
            blocking.run(hooks.connect_steps(self, attempt))

        original = MySQLConnectionAbstract.connect
        mysql_family.watch_connect(patches, hooks, (MySQLConnectionAbstract, "connect"), connect)
        calls.watch_all(patches, hooks)
        if traced is not None:
            for cursors in filter(None, (pure_cursors, c_cursors)):
                connector_connections.trace(patches, cursors, traced, _connection_of)
        return patches.undo

    def address(self, connection: Any) -> Address:
        """Return what it was configured to connect to; for a Unix socket, its path."""
        host = connection.unix_socket or connection.server_host
        return Address(host, int(connection.server_port))

    def backend_id(self, connection: Any) -> str | None:
        """Return the thread id of the handshake."""
        return str(connection.connection_id)

    def fileno(self, connection: Any) -> int:
        """Return the socket's descriptor; below 0 if it is closed, or is not known."""
        sock = session.of(connection).socket(connection)
        return -1 if sock is None else sock.fd

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - as any driver
        """On any of them."""
        return True

    def is_idle(self, connection: Any) -> bool:
        """Not in a transaction, nor in a result, nor in the sandbox of an expired password."""
        return not (
            self.is_closed(connection)
            or connection.in_transaction
            or session.of(connection).is_busy(connection)
            or session.is_sandboxed(connection)
        )

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement below the cursors.

        On a C connection whose socket is not known, there is nothing to keep the time with.
        """
        return session.of(connection).ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Return whether it was closed; a lost one is not, for the driver."""
        return session.of(connection).is_closed(connection)

    def discard(self, connection: Any) -> None:
        """Shut its socket down, so that closing it cannot block, and close it."""
        session.discard(connection)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect with the same login, below every patch."""
        return monitor.connect(login.parameters, address, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the server's error number."""
        return connector_connections.login_failure(error)

    def password(self, login: Login) -> str | None:
        """Return it as the application wrote it."""
        return login.parameters["_password1"] or login.parameters["_password"] or None

    def with_password(self, login: Login, password: str) -> Login:
        """Replace the first one, under both of its names."""
        return Login({**login.parameters, "_password": password, "_password1": ""})


def _connection_of(cursor: Any) -> Any:
    # Some cursors have a weak proxy, and a closed one nothing.
    try:
        return cursor._connection.get_self()  # noqa: SLF001 - public on no version
    except (AttributeError, ReferenceError):
        return None


def _host(given: session.Given) -> Address | None:
    return None if given.unix_socket else mysql_family.named_host(given.host, given.port)


def _opening(connection: Any, connect: Callable[..., None], began: int) -> Opening:
    again = functools.partial(session.connect_again, connection, connect)
    return Opening(connection, Login(monitor.login_of(connection)), again, began)
