"""aiomysql: the `Driver`.

`Connection._connect` is what connects and what connects again, `ping()` included; its pool calls
it, too. aiomysql has PyMySQL's exceptions and packets, and a class of connections of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pymysql
from aiomysql.connection import Connection

from aurora_otel.drivers.aiomysql import calls, monitor, session
from aurora_otel.drivers.common import async_mysql, mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Login, LoginFailure
from aurora_otel.drivers.protocol import Hooks, Monitor, Traced
from aurora_otel.model.endpoints import Address

_SHOWN = {"database": "db", "host": "host", "port": "port"}


class Adapter(async_mysql.AsyncMySQLBase):
    """The `Driver` for aiomysql."""

    name = "aiomysql"
    session = session

    def install(
        self, module: ModuleType, hooks: Hooks, traced: Traced | None
    ) -> Callable[[], None]:
        """Patch `aiomysql.connection.Connection`; for query spans also the cursors."""
        patches = Patches()
        how = async_mysql.Connects(_host, self.is_closed)
        self.watch_connect(patches, hooks, (Connection, "_connect"), how)
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

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - as any driver
        """Any."""
        return True

    def is_idle(self, connection: Any) -> bool:
        """Neither in a transaction nor inside a result.

        Without autocommit a read may have begun a transaction, which aiomysql does not notice.
        """
        return not self.is_closed(connection) and mysql_family.is_idle(connection)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect an object with the same attributes, below every patch, on a loop of its own."""
        return monitor.connect(login.parameters, address, timeout)

    def is_unreachable(self, error: Exception) -> bool:
        """Go by PEP 249's names, unless it was TLS that failed."""
        return super().is_unreachable(error) and not async_mysql.is_of_tls(error)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the server's error number; a certificate that is not valid is the error's cause."""
        if not isinstance(error, pymysql.Error):
            return None
        errno, message = mysql_family.code_of(error)
        return mysql_family.login_failure(errno, f"{message} {error.__cause__ or ''}")

    def password(self, login: Login) -> str | None:
        """Return it as the application wrote it."""
        password: str = login.parameters.attributes["_password"]
        return password or None

    def with_password(self, login: Login, password: str) -> Login:
        """Replace it as aiomysql keeps it."""
        return Login(login.parameters.with_changed(_password=password))


def _host(connection: Any, _: mysql_family.Call) -> Address | None:
    if connection.unix_socket:
        return None
    return mysql_family.named_host(connection.host, connection.port)
