"""What the drivers over libmariadb, mysqlclient and mariadb, have in common.

Both are opened with arguments, which are kept on the connection: the library may connect again by
itself under the same object.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from aurora_otel.drivers.base import DriverBase
from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.mysql_family import Call
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Attempt, Login, Opening
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Driver, Hooks
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime import blocking

# Where a connection keeps its login.
LOGIN = f"{ATTRIBUTE}_login"
# Where one that went straight to the writer was to lead: the library shows where it led.
GIVEN = f"{ATTRIBUTE}_given"
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


@dataclass(frozen=True, slots=True)
class Initialiser:
    """How a class of connections is initialised, which connects them.

    Attributes:
        driver: of the class.
        connections: the class.
        positional: its parameters in their order.
        close: closes an object, so that it can be initialised again.
        describe: describes an object that was initialised, given when that began.
    """

    driver: Driver
    connections: type
    positional: Sequence[str]
    close: Callable[[Any], None]
    describe: Callable[[Any, int], Opening]

    def watch(self, patches: Patches, hooks: Hooks) -> None:
        """Have the agent carry out each connect."""

        def initialise(connection: Any, call: Call) -> None:
            values = hooks.guarded(self._values, call) or {}
            one = _Connecting(connection, call, values, self.close)
            host = hooks.guarded(_host, values)
            straight = one.straight if host else None

            def opening(_: Any) -> Opening | None:
                setattr(connection, LOGIN, Login(Parameters(values)))
                return hooks.guarded(self.describe, connection, call.began)

            attempt = Attempt(host, one.connect, straight, opening)
            blocking.run(hooks.connect_steps(self.driver, attempt))

        mysql_family.watch_connect(patches, hooks, (self.connections, "__init__"), initialise)

    def _values(self, call: Call) -> dict[str, Any]:
        """Return the arguments of a call by their names."""
        values = dict(zip(self.positional, call.args, strict=False))
        return values | {_OTHER_NAMES.get(name, name): each for name, each in call.kwargs.items()}


@dataclass(slots=True)
class _Connecting:
    """One object that connects.

    Attributes:
        connection: the object.
        call: the application's call.
        values: its arguments.
        close: as in `Initialiser`.
        has_session: whether it has connected.
    """

    connection: Any
    call: Call
    values: dict[str, Any]
    close: Callable[[Any], None]
    has_session: bool = False

    def __repr__(self) -> str:
        return "<_Connecting>"  # a secret is among the arguments

    def connect(self) -> Any:
        """Connect as the application asked."""
        self.call.connect()
        return self._connected(None)

    def straight(self, to: Whereabouts) -> Any:
        """Connect to the writer.

        The object has one session at a time. If it had one already and gets no other, it gets one
        as the application asked: the agent asks it where it is.
        """
        given = _host(self.values)
        place = to.own_name or to.address
        changed = {**self.values, "host": place.host, "port": place.port}
        if not self.has_session:
            self.call.method(**changed)
            return self._connected(given)
        self.close(self.connection)
        try:
            self.call.method(**changed)
        except Exception:  # noqa: BLE001 - the application's own way may have another error
            return self.connect()
        return self._connected(given)

    def _connected(self, given: Address | None) -> Any:
        self.has_session = True
        setattr(self.connection, GIVEN, given)
        if given is not None and "host" in vars(self.connection):
            # mysqlclient notes what it was called with.
            self.connection.host = given.host
        return self.connection


def _host(values: dict[str, Any]) -> Address | None:
    if values.get("unix_socket"):
        return None
    return mysql_family.named_host(values.get("host"), values.get("port"))


def given_to(connection: Any) -> Address | None:
    """Return where a connection was to lead, if it went straight to the writer instead."""
    given: Address | None = vars(connection).get(GIVEN)
    return given


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
    """Return the arguments of a connection of the agent's own.

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
    """Make an `error` after `timeout` seconds a time-out: the library has none of its own.

    Raises:
        TimeoutError: the block raised an `error` after that time.
    """
    until = time.monotonic() + timeout
    try:
        yield
    except error:
        if time.monotonic() >= until:
            raise TimeoutError from None
        raise
