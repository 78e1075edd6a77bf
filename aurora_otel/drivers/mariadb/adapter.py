"""mariadb (MariaDB Connector/Python).

The hook sits in the initialiser of its Python class over a C one, through which its own pool
connects, too. The C library may connect again under the same object, by `reconnect()` or, with
`auto_reconnect`, by itself in any call: then the server's number for the session has changed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mariadb import Error
from mariadb.connections import Connection
from mariadb.cursors import Cursor

from aurora_otel.drivers.common import libmariadb, mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Login, LoginFailure, Opening
from aurora_otel.drivers.mariadb import calls, monitor, session
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Hooks, Monitor, Rows, Traced, report_opened
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets

_SHOWN = {"database": "database", "host": "server_name", "port": "server_port"}


class Adapter(libmariadb.LibmariadbDriver):
    """The `Driver` for mariadb."""

    name = "mariadb"

    def install(
        self,
        module: ModuleType,  # noqa: ARG002 - what is patched lies below it
        hooks: Hooks,
        traced: Traced | None,
    ) -> Callable[[], None]:
        """Patch the classes of connections and cursors."""
        patches = Patches()
        libmariadb.Initialiser(
            self, Connection, session.POSITIONAL, session.close, _describe
        ).watch(patches, hooks)
        patches.replace(Connection, "server_name", _shown_host(Connection.server_name))
        calls.watch_all(patches, hooks, self._opened)
        if traced is not None:
            mysql_family.trace(patches, Cursor, traced, _SHOWN)
        return patches.undo

    def _opened(self, hooks: Hooks, connection: Any, began: int, *, in_use: bool = False) -> None:
        report_opened(hooks, self, functools.partial(_describe, in_use=in_use), connection, began)

    def address(self, connection: Any) -> Address:
        """Return what the C library connected to; for a Unix socket, its path."""
        if (given := libmariadb.given_to(connection)) is not None:
            return given
        host = connection.unix_socket or connection.server_name
        return Address(host, connection.server_port or mysql_family.DEFAULT_PORT)

    def backend_id(self, connection: Any) -> str | None:
        """Return the thread id of the handshake."""
        return str(connection.connection_id)

    def fileno(self, connection: Any) -> int:
        """Return the C library's descriptor, -1 once that is closed."""
        sock = session.socket_of(connection)
        return -1 if sock is None else sock.fd

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - as any driver
        """Not where it connected again inside a call of the application's."""
        return not login.parameters.in_use

    def is_idle(self, connection: Any) -> bool:
        """Only before the application has it: a result that is on its way does not show."""
        return (
            not self.is_closed(connection)
            and not hasattr(connection, ATTRIBUTE)
            and not session.is_in_transaction(connection)
        )

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement with a cursor of the agent's."""
        return session.ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Return whether its socket is closed."""
        return session.socket_of(connection) is None

    def discard(self, connection: Any) -> None:
        """Shut its socket down: an object that was closed cannot connect again."""
        sockets.shut_down(session.socket_of(connection))

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect with the same arguments, below every patch."""
        return monitor.connect(login.parameters.values, address, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the server's error number."""
        if not isinstance(error, Error):
            return None
        return mysql_family.login_failure(calls.number_of(error), str(error))


def _describe(connection: Any, began: int, *, in_use: bool = False) -> Opening:
    session.note_session(connection)
    return libmariadb.opening(connection, session.connect_again, began, in_use=in_use)


def _shown_host(original: property) -> property:
    """Return `original` as one that shows the host that the application gave."""

    def server_name(connection: Any) -> Any:
        shown, given = original.fget(connection), libmariadb.given_to(connection)  # type: ignore[misc]
        return shown if given is None else given.host

    return property(server_name, doc=original.__doc__)
