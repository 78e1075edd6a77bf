"""PyMySQL.

`Connection.connect` is what connects and what connects again, `ping(reconnect=True)` included; it
lies below the module's `connect`, which other instrumentations wrap. Above the driver's packets,
each call passes one of the methods that are watched here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pymysql
from pymysql.connections import Connection

from aurora_otel.drivers.base import DriverBase
from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Attempt, Login, LoginFailure, Opening
from aurora_otel.drivers.protocol import Hooks, Monitor, Rows, Traced
from aurora_otel.drivers.pymysql import calls, monitor, session
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime import blocking

_SHOWN = {"database": "db", "host": "host", "port": "port"}


class Adapter(DriverBase):
    """The `Driver` for PyMySQL."""

    name = "pymysql"
    system = mysql_family.SYSTEM

    def install(
        self, module: ModuleType, hooks: Hooks, traced: Traced | None
    ) -> Callable[[], None]:
        """Patch `pymysql.connections.Connection`; for query spans also the cursors."""
        patches = Patches()

        def connect(connection: Any, call: mysql_family.Call) -> None:
            def first() -> Any:
                call.connect()
                return connection

            def straight(to: Whereabouts) -> Any:
                return session.connect_straight(connection, call.method, to.address)

            def opening(_: Any) -> Opening | None:
                return hooks.guarded(_opening, connection, call)

            host = hooks.guarded(_host, connection, call)
            attempt = Attempt(host, first, straight if host else None, opening)
            blocking.run(hooks.connect_steps(self, attempt))

        # A ping finds a connection lost, and keeps the error to itself.
        mysql_family.watch_connect(
            patches, hooks, (Connection, "connect"), connect, is_lost=self.is_closed
        )
        calls.watch_all(patches, hooks)
        if traced is not None:
            mysql_family.trace(patches, module.cursors.Cursor, traced, _SHOWN)
        return patches.undo

    def address(self, connection: Any) -> Address:
        """Return what it was configured to connect to; for a Unix socket, its path."""
        return Address(connection.unix_socket or connection.host, connection.port)

    def backend_id(self, connection: Any) -> str | None:
        """Return the thread id of the handshake."""
        return str(connection.thread_id())

    def fileno(self, connection: Any) -> int:
        """Return the descriptor of its socket, -1 once that is gone."""
        return session.fileno(connection)

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - as any driver
        """Not on a socket of the application's."""
        return not login.parameters.given

    def is_idle(self, connection: Any) -> bool:
        """Neither in a transaction nor inside a result.

        Without autocommit a read may have begun a transaction, which PyMySQL does not notice.
        """
        return not self.is_closed(connection) and mysql_family.is_idle(connection)

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement below the cursors: nothing of it stays in the connection's state."""
        return session.ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Return whether PyMySQL has given its socket up."""
        return session.is_closed(connection)

    def discard(self, connection: Any) -> None:
        """Close its socket."""
        session.drop(connection)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect an object with the same attributes, below every patch."""
        return monitor.connect(login.parameters.attributes, address, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the server's error number."""
        if not isinstance(error, pymysql.Error):
            return None
        return mysql_family.login_failure(*mysql_family.code_of(error))

    def password(self, login: Login) -> str | None:
        """Return it as the application wrote it."""
        return login.parameters.attributes["password"].decode("latin-1") or None

    def with_password(self, login: Login, password: str) -> Login:
        """Replace it as PyMySQL keeps it."""
        attributes = {**login.parameters.attributes, "password": password.encode("latin-1")}
        return Login(login.parameters._replace(attributes=attributes))


def _is_given(call: mysql_family.Call) -> bool:
    """Return whether the application gave a socket that is connected."""
    return (*call.args, call.kwargs.get("sock"))[0] is not None


def _host(connection: Any, call: mysql_family.Call) -> Address | None:
    if _is_given(call) or connection.unix_socket:
        return None
    return mysql_family.named_host(connection.host, connection.port)


def _opening(connection: Any, call: mysql_family.Call) -> Opening:
    login = Login(session.Settings(session.settings_of(connection), _is_given(call)))
    again = functools.partial(session.connect_again, connection, call.method)
    return Opening(connection, login, again, call.began)
