"""Have a TCP socket receive nothing any more, while it can still send.

`shutdown(SHUT_RD)` is not enough on Linux: the next read is at its end, but what arrives later is
read after that. A driver that goes on with the connection would take the answer to one statement
for the answer to the next, and a refused write for one that was done. So a filter of the kernel's
drops what arrives first, except for bare acknowledgements: what the owner sends stays no error.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import socket
from collections.abc import Iterator

from aurora_otel.runtime.packet_filters import (
    DROP,
    KEEP,
    LENGTH_OF_DATA,
    SO_ATTACH_FILTER,
    SO_DETACH_FILTER,
    SO_LOCK_FILTER,
    Filter,
)
from aurora_otel.runtime.system import IS_LINUX

# In TCP's header, byte 13.
_FIN_OR_RST = 0x05
_NOTHING = Filter(
    *LENGTH_OF_DATA,
    (0x15, 0, 3, 0),  # if A != 0: drop it
    (0x30, 0, 0, 13),  # A = byte 13
    (0x45, 1, 0, _FIN_OR_RST),  # if A & (FIN | RST): drop it
    KEEP,
    DROP,
)
_NO_DATA = Filter(
    *LENGTH_OF_DATA,
    (0x15, 0, 1, 0),  # if A != 0: drop it
    KEEP,
    DROP,
)


def stop_receiving(handle: _socket.socket) -> None:
    """Have a TCP socket receive nothing any more; its reads are at their end.

    Raises:
        OSError: the system has no such filter, and nothing has been changed.
    """
    if not IS_LINUX:
        raise OSError
    # What is locked was stopped before.
    with contextlib.suppress(PermissionError):
        _attach(handle, _NOTHING)
        # The end of a question on it must not take that off.
        handle.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)
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
            handle.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
        handle.close()


def _attach(handle: _socket.socket, program: Filter) -> None:
    handle.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program.option)
