"""What we ask through PyMySQL, below everything that it keeps of a statement."""
# ruff: noqa: SLF001 - the protocol itself is what is needed here, and nothing public shows it

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pymysql
from pymysql.connections import Connection, MySQLResult
from pymysql.constants import CLIENT, COMMAND, SERVER_STATUS

from aurora_otel.drivers.common import mysql_family
from aurora_otel.drivers.common.deadline import deadline
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets


def fileno(connection: Any) -> int:
    """Return the descriptor of a connection's socket, -1 once that is gone."""
    sock = connection._sock
    return -1 if sock is None else int(sock.fileno())


def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run one statement and leave the connection's state as it is.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
        pymysql.Error: the driver's own.
    """
    # The driver's own limit is for each packet of an answer, which may have no end.
    sock = sockets.identify(fileno(connection))
    with _time_limit(connection, timeout), deadline(sock, timeout, pymysql.Error):
        connection._execute_command(COMMAND.COM_QUERY, statement)
        result = _TextResult(connection)
        result.read()
        if result.status & SERVER_STATUS.SERVER_STATUS_IN_TRANS:
            # Without autocommit, a read may begin one, and the application would go on to see the
            # state of now.
            connection._execute_command(COMMAND.COM_QUERY, "ROLLBACK")
            connection._read_ok_packet()
    return result.rows or ()


class _Unpatched(Connection):  # type: ignore[misc]
    """A connection of ours: what it connects with was there before our patches."""

    connect = Connection.connect


class Monitor:
    """The `Monitor` for PyMySQL.

    Args:
        attributes: the settings of an application's connection.
        address: where to; `None`: where those lead.
        timeout: seconds, for each packet.
    """

    def __init__(
        self,
        attributes: dict[str, Any],
        address: Address | None,
        timeout: float,
    ) -> None:
        connection: Any = _Unpatched(
            defer_connect=True, ssl_disabled=True, autocommit=True, connect_timeout=timeout,
            read_timeout=timeout, write_timeout=timeout,
        )  # fmt: skip
        vars(connection).update(attributes)
        if address is not None:
            connection.host, connection.port = address
            connection.unix_socket = None
        connection.client_flag &= ~CLIENT.CONNECT_WITH_DB
        connection._connect_attrs = {
            **connection._connect_attrs,
            "program_name": mysql_family.PROGRAM_NAME,
        }
        with _timeouts():
            connection.connect()
        self._connection = connection
        self._socket = sockets.identify(fileno(connection))

    def ask(self, statement: str, timeout: float) -> Rows:
        """Run one statement."""
        return ask(self._connection, statement, timeout)

    def close(self) -> None:
        """Say farewell and close the socket."""
        if self._connection.open:
            Connection.close(self._connection)

    def abort(self) -> None:
        """Shut the socket down."""
        sockets.shut_down(self._socket)


class _TextResult(MySQLResult):  # type: ignore[misc]
    """A result whose values stay text, whatever converters the application has.

    Attributes:
        status: the server's status flags after it.
    """

    status = 0

    def _get_descriptions(self) -> None:
        super()._get_descriptions()
        # Latin 1 refuses nothing; what we ask for is ASCII.
        self.converters = [("latin-1", None)] * self.field_count

    def _check_packet_is_eof(self, packet: Any) -> bool:
        is_eof: bool = super()._check_packet_is_eof(packet)
        if is_eof:
            self.status = int.from_bytes(packet.get_all_data()[3:5], "little")
        return is_eof


@contextlib.contextmanager
def _time_limit(connection: Any, timeout: float) -> Iterator[None]:
    before = connection._read_timeout
    connection._read_timeout = timeout
    try:
        with _timeouts():
            yield
    finally:
        connection._read_timeout = before


@contextlib.contextmanager
def _timeouts() -> Iterator[None]:
    """Make a socket's time-out, which PyMySQL shows as a lost connection, one again."""
    try:
        yield
    except pymysql.Error as error:
        if isinstance(error.__context__, TimeoutError):
            raise TimeoutError from None
        raise
