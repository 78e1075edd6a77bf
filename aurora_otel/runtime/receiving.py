"""Have a TCP socket receive nothing any more, while it can still send.

`shutdown(SHUT_RD)` is not enough on Linux: the next read is at its end, but what arrives later is
read after that. A driver that goes on with the connection would take the answer to one statement
for the answer to the next, and a refused write for one that was done. So a filter of the kernel's
drops what arrives first, except for bare acknowledgements: what the owner sends stays no error.
"""

from __future__ import annotations

import _socket
import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterator

from aurora_otel.runtime.system import IS_LINUX

# Linux's values, not in `socket`.
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_INSTRUCTION = struct.Struct("=HBBI")
# In TCP's header: its length is in the high half of byte 12, in units of 4 bytes; the flags are in
# byte 13.
_FIN_OR_RST = 0x05
_LENGTH_OF_DATA = (
    (0x30, 0, 0, 12),  # A = byte 12
    (0x54, 0, 0, 0xF0),  # A &= 0xf0
    (0x74, 0, 0, 2),  # A >>= 2: the header's length
    (0x07, 0, 0, 0),  # X = A
    (0x80, 0, 0, 0),  # A = the packet's length
    (0x1C, 0, 0, 0),  # A -= X
)
_KEEP = (0x06, 0, 0, 0xFFFFFFFF)
_DROP = (0x06, 0, 0, 0)


def _program(*instructions: tuple[int, int, int, int]) -> bytes:
    return b"".join(
        _INSTRUCTION.pack(code, if_true, if_false, operand)
        for code, if_true, if_false, operand in instructions
    )


_NOTHING = _program(
    *_LENGTH_OF_DATA,
    (0x15, 0, 3, 0),  # if A != 0: drop it
    (0x30, 0, 0, 13),  # A = byte 13
    (0x45, 1, 0, _FIN_OR_RST),  # if A & (FIN | RST): drop it
    _KEEP,
    _DROP,
)
_NO_DATA = _program(
    *_LENGTH_OF_DATA,
    (0x15, 0, 1, 0),  # if A != 0: drop it
    _KEEP,
    _DROP,
)


def stop_receiving(handle: _socket.socket) -> None:
    """Have a TCP socket receive nothing any more; its reads are at their end.

    Raises:
        OSError: the system has no such filter, and nothing has been changed.
    """
    if not IS_LINUX:
        raise OSError
    _attach(handle, _NOTHING)
    handle.shutdown(socket.SHUT_RD)


@contextlib.contextmanager
def paused(fd: int) -> Iterator[None]:
    """Have a TCP socket receive no data in the block: the peer sends it again, 0.2 s later.

    So a read ends that goes on for as long as more comes in. Where the system has no such filter,
    data comes in as ever.

    Args:
        fd: the descriptor of one of the agent's own connections, open until the block ends.
    """
    if not IS_LINUX:
        yield
        return
    handle = _socket.socket(fileno=os.dup(fd))
    try:
        with contextlib.suppress(OSError):
            _attach(handle, _NO_DATA)
        yield
    finally:
        with contextlib.suppress(OSError):
            handle.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        handle.close()


def _attach(handle: _socket.socket, program: bytes) -> None:
    buffer = ctypes.create_string_buffer(program, len(program))
    count = len(program) // _INSTRUCTION.size
    handle.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("HP", count, ctypes.addressof(buffer)),
    )
