"""One session of the lab's own on a MySQL or MariaDB server, straight on the protocol.

Whatever instruments a driver hooks its module; the lab must not show up in what it measures, and
needs no driver.
"""

from __future__ import annotations

import hashlib
import socket
from typing import TYPE_CHECKING, Any, TypeVar

from aurora_otel.lab import mysql_wire as wire
from aurora_otel.lab.errors import StatementError

if TYPE_CHECKING:
    from collections.abc import Callable

_Self = TypeVar("_Self", bound="Session")

_PROTOCOL_10 = 10
_UTF8MB4 = 45
# Long passwords, a database, 4.1's protocol, transactions, 4.1's passwords, many statements and
# results, plugins.
_CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000
_MORE_RESULTS = 0x8
_PLUGIN = b"mysql_native_password"

_INTEGERS = {1, 2, 3, 8, 9, 13}
_FLOATS = {0, 4, 5, 246}


class Session:
    """A session; a context manager.

    Args:
        address: IP address and port.
        user: who logs in.
        password: with `mysql_native_password`.
        database: where unqualified names are resolved; none if empty.
        timeout: seconds that connecting, and each statement, may take.

    Raises:
        StatementError: the login or a statement failed, or took too long. It has an SQLSTATE
            where the server has said no.
    """

    def __init__(
        self,
        address: tuple[str, int],
        user: str,
        password: str,
        database: str = "",
        *,
        timeout: float = 10.0,
    ) -> None:
        self._timeout = timeout
        try:
            self._socket = socket.create_connection(address, timeout)
        except OSError as error:
            raise StatementError(f"no connection to {address[0]}:{address[1]}: {error}") from error
        self._stream = self._socket.makefile("rb")
        try:
            self._login(user, password, database)
        except BaseException:
            self._close()
            raise

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def run(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run one statement, or several; returns the last one's rows.

        Args:
            statement: SQL, with `%s` for each parameter, if there are any.
            params: strings, numbers, or None.
        """
        return [tuple(row.values()) for row in self.rows(statement, *params)]

    def rows(self, statement: str, *params: object) -> list[dict[str, Any]]:
        """Do the same, with each value under the name of its column."""
        if params:
            statement = statement % tuple(map(_literal, params))
        self._send(0, bytes([wire.COM_QUERY]) + statement.encode())
        more = True
        while more:
            rows, more = self._result()
        return rows

    def _login(self, user: str, password: str, database: str) -> None:
        greeting = self._receive()
        if greeting.number(1) != _PROTOCOL_10:
            raise StatementError("the server does not speak MySQL's protocol")
        greeting.terminated()  # its version
        greeting.take(4)  # the number of the session
        salt = greeting.take(8)
        greeting.take(1 + 2 + 1 + 2 + 2 + 1 + 10)
        salt += greeting.take(12)
        answer = _scramble(password, salt)
        self._send(
            1,
            _CAPABILITIES.to_bytes(4, "little")
            + wire.LARGEST.to_bytes(4, "little")
            + bytes([_UTF8MB4])
            + bytes(23)
            + user.encode()
            + b"\0"
            + bytes([len(answer)])
            + answer
            + database.encode()
            + b"\0"
            + _PLUGIN
            + b"\0",
        )
        if self._receive().number(1) != wire.OK:
            raise StatementError("the server wants another way to log in")

    def _result(self) -> tuple[list[dict[str, Any]], bool]:
        """Read one result; return whether another one follows."""
        payload = self._receive()
        count = payload.length()
        if count == wire.OK:
            payload.length()  # rows that were changed
            payload.length()  # the last number that was given out
            return [], bool(payload.number(2) & _MORE_RESULTS)
        columns = [_column(self._receive()) for _ in range(count or 0)]
        self._receive()  # the end of the columns
        rows: list[dict[str, Any]] = []
        while True:
            raw = self._receive().rest()
            if raw[0] == wire.EOF and len(raw) < wire.HEADER + 5:
                return rows, bool(int.from_bytes(raw[3:5], "little") & _MORE_RESULTS)
            row = wire.Payload(raw)
            rows.append({name: _value(convert, row.text()) for name, convert in columns})

    def _send(self, sequence: int, payload: bytes) -> None:
        try:
            self._socket.sendall(wire.packet(sequence, payload))
        except OSError as error:
            raise StatementError(f"the server does not listen: {error}") from error

    def _receive(self) -> wire.Payload:
        """Read one packet; raises the error that it brings."""
        try:
            size = int.from_bytes(self._read(wire.HEADER)[:3], "little")
            payload = self._read(size)
        except TimeoutError as error:
            raise StatementError(f"no answer within {self._timeout} s") from error
        except OSError as error:
            raise StatementError(f"the server ended the session: {error}") from error
        if payload[:1] == bytes([wire.ERROR]):
            number, state = int.from_bytes(payload[1:3], "little"), payload[4:9].decode()
            raise StatementError(f"({number}) {payload[9:].decode(errors='replace')}", state)
        return wire.Payload(payload)

    def _read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise ConnectionResetError("it hung up")
        return data

    def _close(self) -> None:
        self._stream.close()
        self._socket.close()


def _scramble(password: str, salt: bytes) -> bytes:
    def sha1(data: bytes) -> bytes:
        return hashlib.sha1(data).digest()  # noqa: S324 -- what the protocol prescribes

    first = sha1(password.encode())
    mask = sha1(salt + sha1(first))
    return bytes(a ^ b for a, b in zip(first, mask, strict=True))


def _column(payload: wire.Payload) -> tuple[str, Callable[[str], Any]]:
    *_, name, _original = [payload.text() for _ in range(6)]
    payload.take(1 + 2 + 4)  # the length of what follows, character set, width
    kind = payload.number(1)
    convert = int if kind in _INTEGERS else float if kind in _FLOATS else str
    return name or "", convert


def _value(convert: Callable[[str], Any], text: str | None) -> Any:
    return None if text is None else convert(text)


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
