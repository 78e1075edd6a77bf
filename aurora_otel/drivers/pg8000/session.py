"""pg8000's sessions below its public classes: asked within a deadline, dropped, opened again."""

# ruff: noqa: SLF001 - nothing public shows a session

from __future__ import annotations

import contextlib
import inspect
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pg8000 import core
from pg8000.exceptions import DatabaseError

from aurora_otel.drivers.base import second_attempt
from aurora_otel.drivers.common.bounded import BoundedStream
from aurora_otel.drivers.common.deadline import deadline
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets


class Place(NamedTuple):
    """Where a connection leads, as the application wrote it."""

    unix_sock: Any
    host: Any
    port: Any
    database: Any


class Arguments(NamedTuple):
    """What an application connected with.

    Attributes:
        connect: by parameter, without a socket of its own.
        repeatable: whether another connection can be made with them.
    """

    connect: dict[str, Any]
    repeatable: bool

    def __repr__(self) -> str:
        return "<Arguments>"  # a secret is among them

    @property
    def place(self) -> Place:
        """Where they lead."""
        return Place(*(self.connect[name] for name in Place._fields))


def arguments_of(bound: inspect.BoundArguments, connection: Any) -> Arguments:
    """Return what a connection was opened with, given the arguments of its initialiser."""
    bound.apply_defaults()
    connect = dict(bound.arguments)
    del connect["self"]
    if connect.pop("sock", None) is None:
        return Arguments(connect, repeatable=True)
    # An application's own socket is not led anywhere by `host` and `port`.
    with contextlib.suppress(OSError, ValueError):
        connect["host"], connect["port"], *_ = connection._usock.getpeername()
    return Arguments(connect, repeatable=False)


def host_of(bound: inspect.BoundArguments) -> Address | None:
    """Return the host and the port to which the arguments of an initialiser lead.

    `None`: to a Unix socket, or by a socket of the application's own.
    """
    bound.apply_defaults()
    given = bound.arguments
    if given["sock"] is not None or given["unix_sock"] is not None or not given["host"]:
        return None
    return Address(str(given["host"]), int(given["port"]))


@contextlib.contextmanager
def socket_to(address: Address, bound: inspect.BoundArguments) -> Iterator[socket.socket]:
    """Yield a socket as pg8000 makes its own, but to `address`; it is closed after an error.

    Args:
        address: where to.
        bound: the arguments of the initialiser.

    Raises:
        OSError: it cannot be connected.
    """
    bound.apply_defaults()
    given = bound.arguments
    sock = socket.create_connection(address, given["timeout"], given["source_address"])
    try:
        if given["tcp_keepalive"]:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        yield sock
    except BaseException:
        sock.close()
        raise


def fileno(connection: Any) -> int:
    """Return the descriptor of a connection's socket, also under TLS; -1 once it is closed."""
    sock = connection._usock
    return -1 if sock is None else int(sock.fileno())


def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run a statement in a simple query: no transaction is begun, no converter is used.

    Raises:
        TimeoutError: it took longer than `timeout` seconds; the connection is dropped.
        DatabaseError: the server refused it.
        BaseException: something came in between, an interrupt perhaps; the connection is dropped.
    """
    sock, stream = connection._usock, connection._sock
    limit, status = sock.gettimeout(), connection._transaction_status
    answer = _Answer(statement)
    sock.settimeout(timeout)
    try:
        connection._sock = BoundedStream(stream)
        # The socket's own limit is for each piece of an answer, which may have no end.
        with deadline(sockets.identify(sock.fileno()), timeout, Exception):
            connection.send_QUERY(statement)
            core._flush(connection._sock)  # pg8000's own way of sending
            connection.handle_messages(answer)
    except DatabaseError:
        raise  # which came with a complete answer
    except BaseException as error:
        # What is left of the answer would be taken for that to the next statement.
        drop(connection)
        if isinstance(error.__cause__, TimeoutError):
            raise TimeoutError from error
        raise
    finally:
        if connection._usock is not None:
            connection._sock = stream
            sock.settimeout(limit)
            # `None` before the application's first statement.
            connection._transaction_status = status
    return answer.rows or ()


def is_closed(connection: Any) -> bool:
    """Return whether pg8000 has closed its socket."""
    return connection._usock is None


def drop(connection: Any) -> None:
    """Close a connection's socket, past the hook on `close`; never raises or blocks."""
    _leave(vars(connection))
    connection._usock = connection._sock = None  # as pg8000's `close` does


def connect_again(connection: Any, connect: Callable[[], None]) -> None:
    """Connect the same object once more; it keeps the session that it has until that is done."""
    with second_attempt(connection) as before:
        connect()
    _leave(before)


class _Answer(core.Context):  # type: ignore[misc]
    """Takes the values as the server wrote them, whatever converters the application has."""

    @property
    def input_funcs(self) -> list[Callable[[str], str]]:
        return [str] * len(self.columns or ())

    @input_funcs.setter
    def input_funcs(self, _: Any) -> None:
        """pg8000 sets what it would convert with."""


def _leave(state: dict[str, Any]) -> None:
    """End the session on the socket among a connection's attributes, and close it."""
    # Neither is there before the first connect.
    stream, sock = state.get("_sock"), state.get("_usock")
    if stream is None or sock is None:
        return
    with contextlib.suppress(OSError, ValueError):
        sock.settimeout(0)
        # Under TLS a server logs an error for each client that leaves without `Terminate`.
        stream.write(core.TERMINATE_MSG)
        stream.flush()
    for each in (stream, sock):
        with contextlib.suppress(OSError, ValueError):
            each.close()
