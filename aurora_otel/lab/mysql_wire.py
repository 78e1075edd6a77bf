"""MySQL's client/server protocol, as far as a lab reads and writes it.

A packet is three bytes of length, a sequence number and the payload; a command starts at sequence
number 0. See "MySQL Client/Server Protocol" in MySQL's internals documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = 4
LARGEST = 0xFFFFFF  # the payload of a packet that another one continues

COM_QUERY = 0x03
COM_STMT_PREPARE = 0x16

OK = 0x00
EOF = 0xFE
ERROR = 0xFF

_STATEMENTS = (COM_QUERY, COM_STMT_PREPARE)
_NULL = 0xFB
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}


def packet(sequence: int, payload: bytes) -> bytes:
    """Return a packet."""
    return len(payload).to_bytes(3, "little") + bytes([sequence % 256]) + payload


class Payload:
    """Reads a payload from its beginning.

    Args:
        data: the payload.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int) -> int:
        """Return the next number of a fixed size."""
        return int.from_bytes(self.take(size), "little")

    def length(self) -> int | None:
        """Return the next length-encoded number; None for NULL."""
        first = self.number(1)
        if first == _NULL:
            return None
        return self.number(_WIDTHS[first]) if first in _WIDTHS else first

    def text(self) -> str | None:
        """Return the next length-encoded string; None for NULL."""
        length = self.length()
        return None if length is None else self.take(length).decode("utf-8", "replace")

    def terminated(self) -> bytes:
        """Return the bytes up to the next zero byte, or to the end."""
        end = self._data.find(b"\0", self._at)
        taken = self._data[self._at : end if end >= 0 else None]
        self._at += len(taken) + 1
        return taken

    def rest(self) -> bytes:
        """Return all that is left."""
        return self._data[self._at :]


_PROTOCOL_10 = 10
_COMPRESS = 0x20


def without_compression(greeting: bytes) -> bytes:
    """Return a server's first packet without its offer to compress what follows."""
    end_of_version = greeting.find(b"\0", HEADER)
    at = end_of_version + 1 + 4 + 8 + 1  # past the session's number and half of the salt
    if greeting[HEADER : HEADER + 1] != bytes([_PROTOCOL_10]) or at >= len(greeting):
        return greeting
    return greeting[:at] + bytes([greeting[at] & ~_COMPRESS]) + greeting[at + 1 :]


class Piece(NamedTuple):
    """Some of what a client sends.

    Attributes:
        data: the bytes, headers included.
        command: which command they begin; None within one, and within the login.
        statement: its text, if it is a statement; `data` has all of that then.
    """

    data: bytes
    command: int | None = None
    statement: bytes | None = None


class Commands:
    """Separates commands in what a client sends, however the bytes are cut."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._under_way = 0  # bytes that still belong to a packet which is no statement

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield what can go on now; the beginning of a statement waits for its end."""
        self._unread += data
        while self._unread and (piece := self._next()):
            yield piece

    def _next(self) -> Piece | None:
        if self._under_way:
            return self._pass()
        if len(self._unread) <= HEADER:
            return None
        size = int.from_bytes(self._unread[:3], "little")
        command = None if self._unread[3] else self._unread[HEADER]
        if command in _STATEMENTS and size < LARGEST:  # longer ones go by as they are
            if len(self._unread) < HEADER + size:
                return None
            whole = self._take(HEADER + size)
            return Piece(whole, command, whole[HEADER + 1 :])
        self._under_way = HEADER + size
        return self._pass(command)

    def _pass(self, command: int | None = None) -> Piece:
        piece = self._take(self._under_way)
        self._under_way -= len(piece)
        return Piece(piece, command)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken
