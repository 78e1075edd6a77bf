"""`mysql.connector.aio`: the `Driver`.

`MySQLConnection.connect` is what connects and what connects again: in `reconnect()`, and so in the
driver's own pool.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import ModuleType
from typing import Any

from mysql.connector.aio import cursor as cursors
from mysql.connector.aio.connection import MySQLConnection

from aurora_otel.drivers.common import async_mysql, connector_connections, mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Login, LoginFailure
from aurora_otel.drivers.mysql_connector_aio import calls, character_sets, monitor, session
from aurora_otel.drivers.protocol import Hooks, Monitor, Traced
from aurora_otel.model.endpoints import Address


class Adapter(async_mysql.AsyncMySQLBase):
    """The `Driver` for `mysql.connector.aio`."""

    name = "mysql-connector-aio"
    session = session

    def install(
        self,
        module: ModuleType,  # noqa: ARG002 - what is patched lies below it
        hooks: Hooks,
        traced: Traced | None,
    ) -> Callable[[], None]:
        """Patch `MySQLConnection`; for query spans also the cursors."""
        patches = Patches()
        how = async_mysql.Connects(_host, session.is_lost)
        self.watch_connect(patches, hooks, (MySQLConnection, "connect"), how)
        calls.watch_all(patches, hooks)
        character_sets.fill_aside(patches)
        if traced is not None:
            connector_connections.trace(patches, cursors, traced, attrgetter("_connection"))
        return patches.undo

    def address(self, connection: Any) -> Address:
        """Return what it was configured to connect to; for a Unix socket, its path."""
        host = connection.unix_socket or connection.server_host
        return Address(host, int(connection.server_port))

    def backend_id(self, connection: Any) -> str | None:
        """Return the thread id of the handshake."""
        return str(connection.connection_id)

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - as any driver
        """Any."""
        return True

    def is_idle(self, connection: Any) -> bool:
        """Not in a transaction, nor in a result."""
        return not (
            self.is_closed(connection)
            or connection.in_transaction
            or connection.unread_result
            or connection._have_next_result  # noqa: SLF001 - shown nowhere else
        )

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect with the same login, below every patch, on a loop of its own."""
        return monitor.connect(login.parameters, address, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the server's error number."""
        return connector_connections.login_failure(error)

    def password(self, login: Login) -> str | None:
        """Return it as the application wrote it."""
        given = login.parameters.attributes
        return given["_password1"] or given["_password"] or None

    def with_password(self, login: Login, password: str) -> Login:
        """Replace the first one, under both of its names."""
        return Login(login.parameters.with_changed(_password=password, _password1=""))


def _host(connection: Any, _: mysql_family.Call) -> Address | None:
    if connection.unix_socket:
        return None
    return mysql_family.named_host(connection.server_host, connection.server_port)
