"""What the drivers of MySQL and MariaDB have in common."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import LoginFailure
from aurora_otel.drivers.marks import ATTRIBUTE, unmark
from aurora_otel.drivers.protocol import Failure, Hooks, Rows, Traced
from aurora_otel.model import symptoms
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import is_name

# All of them reach MySQL's protocol; a MariaDB behind it is met as a plain MySQL.
SYSTEM = "mysql"
DEFAULT_PORT = 3306
PROGRAM_NAME = "aurora-otel"
# The server's status flag, `SERVER_STATUS_IN_TRANS`.
IN_TRANSACTION = 1
# The methods of cursors that make a query span.
TRACED_CALLS = ("callproc", "execute", "executemany")

# After these there is no connection any more, whether or not the driver has noticed: server gone,
# lost, lost with a reason, neither to be read from nor to be written to; MariaDB's "connection was
# killed"; MySQL's idle timeout.
_GONE = frozenset({2006, 2013, 2055, 5013, 5014, 1927, 4031})
_LOGIN_FAILURES = {
    # Access denied, to a host; the other access denied; password expired; account locked, on MySQL
    # and on MariaDB; blocked after too many wrong passwords, on MariaDB and on MySQL.
    **dict.fromkeys((1045, 1130, 1698, 1820, 1862, 3118, 4151, 4150, 3955), LoginFailure.REFUSED),
    # Denied or unknown database; host blocked; authentication plugins; TLS required.
    **dict.fromkeys((1044, 1049, 1129, 1251, 2054, 2059, 2061, 3159), LoginFailure.UNUSABLE),
    # Too many connections: of the server, of the user, of the user's own limit.
    **dict.fromkeys((1040, 1203, 1226), LoginFailure.FULL),
}


def code_of(error: BaseException) -> tuple[int | None, str]:
    """Return number and message of an error that carries both as its arguments."""
    number, *rest = (*error.args, None)
    return (number if isinstance(number, int) else None), " ".join(map(str, rest))


def failure(errno: int | None, message: str, *, lost: bool, may_wait: bool = True) -> Failure:
    """Return what an error means.

    Args:
        errno: its number, if it has one.
        message: its text.
        lost: whether the driver takes the connection for gone.
        may_wait: as in `Failure`.
    """
    symptom = symptoms.of_mysql(errno, message, lost=lost)
    return Failure(symptom, lost or is_gone(errno), may_wait, symptoms.is_of_reader(errno, message))


def loss() -> Failure:
    """Return what a loss means of which the driver keeps the error to itself."""
    return failure(None, "", lost=True)


class Call(NamedTuple):
    """A call of the method by which an object connects.

    Attributes:
        method: the method, bound to the object.
        args: by position.
        kwargs: by name.
        began: when, as in `Opening`.
    """

    method: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    began: int

    def __repr__(self) -> str:
        return "<Call>"  # the application's arguments are secret

    def connect(self) -> Any:
        """Do it; on an event loop, return what is to be awaited."""
        return self.method(*self.args, **self.kwargs)


def named_host(host: object, port: object) -> Address | None:
    """Return the one host that an application gave, by its name, and the port.

    `None`: it gave several or none, or what the libraries take for a Unix socket.
    """
    if not isinstance(host, str) or not is_name(host):
        return None
    return Address(host, int(str(port)) if port else DEFAULT_PORT)


def watch_connect(
    patches: Patches,
    hooks: Hooks,
    method: tuple[type, str],
    connect: Callable[[Any, Call], None],
    *,
    is_lost: Callable[[Any], bool] | None = None,
) -> None:
    """Wrap the method by which an object connects, and connects again.

    Args:
        patches: where to note what is replaced.
        hooks: where to report the session that the object had before, which is over.
        method: the class and the method's name.
        connect: connects the object, and reports it.
        is_lost: whether the driver found that session lost, and kept the error to itself.
    """

    def connect_watched(
        wrapped: Callable[..., Any],
        connection: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        began = time.time_ns()
        lost = is_lost is not None and bool(hooks.guarded(is_lost, connection))
        end(hooks, connection, lost=lost)
        connect(connection, Call(wrapped, args, kwargs, began))

    patches.wrap(*method, connect_watched)


def end(hooks: Hooks, connection: Any, *, lost: bool) -> None:
    """Report the end of the session that an object had before it connected again, if it had one.

    Args:
        hooks: where to report.
        connection: the object.
        lost: whether the driver found it lost, and kept the error to itself.
    """
    track = unmark(connection)
    if track is None:
        return
    if lost and not track.closed:
        hooks.failed(track, loss)
    hooks.closed(track)


def is_idle(connection: Any) -> bool:
    """Return whether an open connection of PyMySQL or of its descendants is in no exchange.

    Neither in a transaction nor inside a result. Without autocommit a read may have begun a
    transaction, which these drivers do not notice.
    """
    result = connection._result  # noqa: SLF001 - nothing public shows it
    return (
        (connection.get_autocommit() or not hasattr(connection, ATTRIBUTE))
        and not connection.server_status & IN_TRANSACTION
        and (result is None or not (result.unbuffered_active or result.has_next))
    )


def trace(patches: Patches, cursor: type, traced: Traced, shown: Mapping[str, str]) -> None:
    """Have a class of cursors make query spans; `shown` is as in `Traced`."""
    for name in TRACED_CALLS:
        patches.replace(cursor, name, traced(SYSTEM, getattr(cursor, name), attributes=shown))


def is_gone(errno: int | None) -> bool:
    """Return whether this error leaves no connection, whatever the driver takes it for."""
    return errno in _GONE


def login_failure(errno: int | None, message: str) -> LoginFailure | None:
    """Return why a connect failed at the login; `None`: the server was not reached.

    Args:
        errno: the error's number, if it has one.
        message: its text: some drivers number a certificate that is not valid like a server that
            is not there.
    """
    if "certificate" in message.lower():
        return LoginFailure.UNUSABLE
    return None if errno is None else _LOGIN_FAILURES.get(errno)


def text(value: bytes | bytearray | None) -> str | None:
    """Return a value as what it says: Latin 1 refuses nothing, and the agent asks for ASCII."""
    return None if value is None else value.decode("latin-1")


def texts(rows: Any) -> Rows:
    """Return each value of `rows` as `text` does."""
    return [[text(value) for value in row] for row in rows]


def whole_seconds(timeout: float) -> int:
    """Return `timeout` as the C libraries take it: in whole seconds, at least one."""
    return max(1, math.ceil(timeout))
