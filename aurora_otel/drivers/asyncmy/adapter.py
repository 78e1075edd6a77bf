"""asyncmy: the `Driver`.

`Connection.connect` is what connects and what connects again, `ping()` included; its pool calls
it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from asyncmy import errors
from asyncmy.connection import Connection

from aurora_otel.drivers.asyncmy import calls, monitor, session
from aurora_otel.drivers.common import async_mysql, mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Login, LoginFailure
from aurora_otel.drivers.protocol import Hooks, Monitor, Traced
from aurora_otel.model.endpoints import Address


class Adapter(async_mysql.AsyncMySQLBase):
    """The `Driver` for asyncmy."""

    name = "asyncmy"
    session = session

    def install(
        self,
        module: ModuleType,  # noqa: ARG002 - as any driver
        hooks: Hooks,
        traced: Traced | None,  # noqa: ARG002 - cursors, which know a statement, are types in C
    ) -> Callable[[], None]:
        """Patch `asyncmy.connection`."""
        patches = Patches()
        how = async_mysql.Connects(_host, session.is_lost, _stays)
        self.watch_connect(patches, hooks, (Connection, "connect"), how)
        calls.watch_all(patches, hooks)
        return patches.undo

    def address(self, connection: Any) -> Address:
        """Return what it was configured to connect to; for a Unix socket, its path."""
        host, port = connection._host, connection._port  # noqa: SLF001 - shown nowhere else
        return Address(connection._unix_socket or host, port)  # noqa: SLF001 - as above

    def backend_id(self, connection: Any) -> str | None:
        """Return the thread id of the handshake."""
        return str(connection.thread_id())

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - as any driver
        """Not on a socket of the application's."""
        return not _is_given(connection)

    def is_idle(self, connection: Any) -> bool:
        """Neither in a transaction nor inside a result."""
        return not self.is_closed(connection) and mysql_family.is_idle(connection)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect an object with the same attributes, below every patch, on a loop of its own."""
        return monitor.connect(login.parameters, address, timeout)

    def is_unreachable(self, error: Exception) -> bool:
        """Go by PEP 249's names, unless it was TLS that failed."""
        return super().is_unreachable(error) and not async_mysql.is_of_tls(error)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the server's error number, or by the words of a failed TLS handshake."""
        if not isinstance(error, errors.Error):
            return None
        return mysql_family.login_failure(*mysql_family.code_of(error))

    def password(self, login: Login) -> str | None:
        """Return what it logged in with, wherever asyncmy had it from."""
        return login.parameters.attributes["_password"].decode("latin-1") or None

    def with_password(self, login: Login, password: str) -> Login:
        """Replace it as asyncmy keeps it."""
        return Login(login.parameters.with_changed(_password=password.encode("latin-1")))


def _host(connection: Any, _: mysql_family.Call) -> Address | None:
    if connection._unix_socket or _is_given(connection):  # noqa: SLF001 - shown nowhere else
        return None
    return mysql_family.named_host(connection._host, connection._port)  # noqa: SLF001 - as above


def _is_given(connection: Any) -> bool:
    return getattr(connection, "_sock", None) is not None


def _stays(connection: Any) -> bool:
    return not session.is_closed(connection)
