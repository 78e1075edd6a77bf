"""Have a TCP socket receive nothing any more, while it can still send.

`shutdown(SHUT_RD)` is not enough on Linux: the next read is at its end, but what arrives later is
read after that. A driver that goes on with the connection would take the answer to one statement
for the answer to the next, and a refused write for one that was done. So a filter of the kernel's
drops what arrives first, except for bare acknowledgements: what the owner sends stays no error.
"""

from __future__ import annotations

import _socket
import ctypes
import socket
import struct
import sys

# Linux's values, not in `socket`.
_SO_ATTACH_FILTER = 26
_INSTRUCTION = struct.Struct("=HBBI")
# In TCP's header: its length is in the high half of byte 12, in units of 4 bytes; the flags are in
# byte 13.
_FIN_OR_RST = 0x05
_PROGRAM = b"".join(
    _INSTRUCTION.pack(code, if_true, if_false, operand)
    for code, if_true, if_false, operand in (
        (0x30, 0, 0, 12),  # A = byte 12
        (0x54, 0, 0, 0xF0),  # A &= 0xf0
        (0x74, 0, 0, 2),  # A >>= 2: the header's length
        (0x07, 0, 0, 0),  # X = A
        (0x80, 0, 0, 0),  # A = the packet's length
        (0x1C, 0, 0, 0),  # A -= X
        (0x15, 0, 3, 0),  # if A != 0: drop it
        (0x30, 0, 0, 13),  # A = byte 13
        (0x45, 1, 0, _FIN_OR_RST),  # if A & (FIN | RST): drop it
        (0x06, 0, 0, 0xFFFFFFFF),  # keep it
        (0x06, 0, 0, 0),  # drop it
    )
)


def stop_receiving(handle: _socket.socket) -> None:
    """Have a TCP socket receive nothing any more; its reads are at their end.

    Raises:
        OSError: the system has no such filter, and nothing has been changed.
    """
    if sys.platform != "linux":
        raise OSError
    program = ctypes.create_string_buffer(_PROGRAM, len(_PROGRAM))
    count = len(_PROGRAM) // _INSTRUCTION.size
    handle.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("HP", count, ctypes.addressof(program)),
    )
    handle.shutdown(socket.SHUT_RD)
