"""MySQL's client/server protocol, as far as a lab reads and writes it.

A packet is three bytes of length, a sequence number and the payload; a command starts at sequence
number 0. See "MySQL Client/Server Protocol" in MySQL's internals documentation.
"""

from __future__ import annotations

HEADER = 4
LARGEST = 0xFFFFFF  # the payload of a packet that another one continues

COM_QUERY = 0x03
COM_STMT_PREPARE = 0x16

OK = 0x00
EOF = 0xFE
ERROR = 0xFF

_NULL = 0xFB
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}


def packet(sequence: int, payload: bytes) -> bytes:
    """Returns a packet."""
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
        """Returns the next bytes."""
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int) -> int:
        """Returns the next number of a fixed size."""
        return int.from_bytes(self.take(size), "little")

    def length(self) -> int | None:
        """Returns the next length-encoded number; None for NULL."""
        first = self.number(1)
        if first == _NULL:
            return None
        return self.number(_WIDTHS[first]) if first in _WIDTHS else first

    def text(self) -> str | None:
        """Returns the next length-encoded string; None for NULL."""
        length = self.length()
        return None if length is None else self.take(length).decode("utf-8", "replace")

    def terminated(self) -> bytes:
        """Returns the bytes up to the next zero byte, or to the end."""
        end = self._data.find(b"\0", self._at)
        taken = self._data[self._at : end if end >= 0 else None]
        self._at += len(taken) + 1
        return taken

    def rest(self) -> bytes:
        """Returns all that is left."""
        return self._data[self._at :]
