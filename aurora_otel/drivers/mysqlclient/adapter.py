"""mysqlclient (`MySQLdb`).

The hook sits in the initialiser of its Python class over a C one, below the module's `connect`,
which other instrumentations wrap. An object that was closed can be initialised again: that is how
a connection is replaced under the same object.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from MySQLdb import Error
from MySQLdb.connections import Connection
from MySQLdb.cursors import BaseCursor

from aurora_otel.drivers.common import libmariadb, mysql_family
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Login, LoginFailure, Opening
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.mysqlclient import calls, monitor, session
from aurora_otel.drivers.protocol import Hooks, Monitor, Rows, Traced, report_opened
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets

_SHOWN = {"database": "database", "host": "host", "port": "port"}
_TCP = " via TCP/IP"
# So many characters of a host does libmariadb show.
_SHOWN_OF_HOST = 64


class Adapter(libmariadb.LibmariadbDriver):
    """The `Driver` for mysqlclient."""

    name = "mysqlclient"

    def install(
        self,
        module: ModuleType,  # noqa: ARG002 - what is patched lies below it
        hooks: Hooks,
        traced: Traced | None,
    ) -> Callable[[], None]:
        """Patch `MySQLdb.connections.Connection`; for query spans also the cursors."""
        patches = Patches()
        libmariadb.Initialiser(
            self, Connection, session.POSITIONAL, session.close, _describe
        ).watch(patches, hooks)
        patches.replace(Connection, "get_host_info", _shown_host(Connection.get_host_info))
        calls.watch_all(patches, hooks, self._opened)
        if traced is not None:
            mysql_family.trace(patches, BaseCursor, traced, _SHOWN)
        return patches.undo

    def _opened(self, hooks: Hooks, connection: Any, began: int, *, in_use: bool = False) -> None:
        report_opened(hooks, self, functools.partial(_describe, in_use=in_use), connection, began)

    def address(self, connection: Any) -> Address:
        """Return what libmariadb connected to; an option file may have named it."""
        if (address := libmariadb.given_to(connection)) is not None:
            return address
        given = getattr(connection, libmariadb.LOGIN).parameters.values
        host: str = connection.get_host_info()
        if not host.endswith(_TCP):
            return Address(given.get("unix_socket") or "localhost", mysql_family.DEFAULT_PORT)
        host = host[: -len(_TCP)]
        # libmariadb shows 64 characters at most, and RDS has longer names.
        if (given.get("host") or "").startswith(host):
            host = given["host"]
        return Address(host, connection.port or mysql_family.DEFAULT_PORT)

    def backend_id(self, connection: Any) -> str | None:
        """Return the thread id of the handshake."""
        return str(connection.thread_id())

    def fileno(self, connection: Any) -> int:
        """Return libmariadb's descriptor, -1 if it cannot be had now."""
        return session.fileno(connection)

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - as any driver
        """Not where it connected again inside a call of the application's."""
        return not login.parameters.in_use

    def is_idle(self, connection: Any) -> bool:
        """Only before the application has it: mysqlclient shows no transaction."""
        return not self.is_closed(connection) and not hasattr(connection, ATTRIBUTE)

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement below the cursors."""
        return session.ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Return whether it was closed; a lost one is not, for mysqlclient."""
        return session.is_closed(connection)

    def discard(self, connection: Any) -> None:
        """Shut its socket down, so that closing it cannot block, and close it."""
        sockets.shut_down(sockets.identify(self.fileno(connection)))
        session.close(connection)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect with the same arguments, below every patch."""
        return monitor.connect(login.parameters.values, address, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the server's error number."""
        if not isinstance(error, Error):
            return None
        return mysql_family.login_failure(*mysql_family.code_of(error))


def _describe(connection: Any, began: int, *, in_use: bool = False) -> Opening:
    return libmariadb.opening(connection, session.connect_again, began, in_use=in_use)


def _shown_host(original: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return `original` as one that shows the host that the application gave."""

    @functools.wraps(original)
    def get_host_info(connection: Any) -> str:
        shown, given = original(connection), libmariadb.given_to(connection)
        # As much of it as the library shows.
        return shown if given is None else f"{given.host[:_SHOWN_OF_HOST]}{_TCP}"

    return get_host_info
