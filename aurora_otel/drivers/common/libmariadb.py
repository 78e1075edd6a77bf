"""What the drivers over libmariadb, mysqlclient and mariadb, have in common.

Both are opened with arguments, which are kept on the connection: the library may connect again by
itself under the same object.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from aurora_otel.drivers.base import DriverBase
from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.mysql_family import Attempt
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.protocol import ATTRIBUTE, Hooks, Login, Opening
from aurora_otel.model.endpoints import Address

# Where a connection keeps its login.
LOGIN = f"{ATTRIBUTE}_login"
_OTHER_NAMES = {"db": "database", "passwd": "password", "username": "user"}


class LibmariadbDriver(DriverBase):
    """The base of a `Driver` over libmariadb: its logins are `Parameters`."""

    system = mysql_family.SYSTEM

    def password(self, login: Login) -> str | None:
        """Return it as the application wrote it; one in an option file is not seen."""
        return login.parameters.values.get("password") or None

    def with_password(self, login: Login, password: str) -> Login:
        """Replace it."""
        values = {**login.parameters.values, "password": password}
        return Login(login.parameters._replace(values=values))


class Parameters(NamedTuple):
    """What a connection was opened with.

    Attributes:
        values: the arguments, by name.
        in_use: whether a result or a transaction of the application's may be open on it.
    """

    values: dict[str, Any]
    in_use: bool = False

    def __repr__(self) -> str:
        return "<Parameters>"  # a secret is among them


class Opened(Protocol):
    """Reports that a connection has been opened."""

    def __call__(self, hooks: Hooks, connection: Any, began: int, *, in_use: bool = ...) -> None:
        """Report it.

        Args:
            hooks: where to.
            connection: the connection.
            began: as in `Opening`.
            in_use: whether a result of the application's may be on its way.
        """


def watch_initialiser(
    patches: Patches, hooks: Hooks, connections: type, positional: Sequence[str], opened: Opened
) -> None:
    """Wrap the initialiser of connections, which connects them.

    Args:
        patches: where to note what is replaced.
        hooks: where to report.
        connections: their class.
        positional: its parameters in their order.
        opened: reports that one was opened.
    """

    def initialise(connection: Any, attempt: Attempt) -> None:
        attempt.connect()
        # One without its login is not tracked.
        hooks.guarded(_keep_login, connection, positional, attempt)
        opened(hooks, connection, attempt.began)

    mysql_family.watch_connect(patches, hooks, (connections, "__init__"), initialise)


def _keep_login(connection: Any, positional: Sequence[str], attempt: Attempt) -> None:
    values = dict(zip(positional, attempt.args, strict=False))
    values |= {_OTHER_NAMES.get(name, name): value for name, value in attempt.kwargs.items()}
    setattr(connection, LOGIN, Login(Parameters(values)))


def opening(
    connection: Any,
    connect_again: Callable[[Any, dict[str, Any]], Any],
    began: int,
    *,
    in_use: bool,
) -> Opening:
    """Return a connection that has just been opened, by the login that it keeps.

    Args:
        connection: the connection.
        connect_again: connects it once more with these arguments, and returns it.
        began: as in `Opening`.
        in_use: as in `Parameters`.
    """
    parameters: Parameters = getattr(connection, LOGIN).parameters
    again = functools.partial(connect_again, connection, parameters.values)
    return Opening(connection, Login(parameters._replace(in_use=in_use)), again, began)


def monitor_arguments(
    values: dict[str, Any], left_out: Collection[str], address: Address | None, timeout: float
) -> dict[str, Any]:
    """Return the arguments of a connection of our own.

    Args:
        values: those of an application's connection, by name.
        left_out: the names of what an application wants of its own sessions only.
        address: where to; `None`: where those lead.
        timeout: seconds; the library takes whole ones, so that connecting may take longer.
    """
    kept = {name: value for name, value in values.items() if name not in left_out}
    if address is not None:
        kept |= {"host": address.host, "port": address.port}
        kept.pop("unix_socket", None)
    timeouts = ("connect_timeout", "read_timeout", "write_timeout")
    kept |= dict.fromkeys(timeouts, mysql_family.whole_seconds(timeout))
    return kept | {"autocommit": True}


@contextlib.contextmanager
def timing_out(timeout: float, error: type[Exception]) -> Iterator[None]:
    """Make an `error` after `timeout` seconds a time-out: the library has none of its own."""
    until = time.monotonic() + timeout
    try:
        yield
    except error:
        if time.monotonic() >= until:
            raise TimeoutError from None
        raise
