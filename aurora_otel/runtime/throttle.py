"""Have a TCP socket receive long packets in part only, so that a flood becomes a trickle.

What sends without end fills each packet. One that has more than a whole answer may have is cut off
behind that many bytes: the peer takes the rest for lost, and sends less and less often. No thread
has to run for that, and an answer of the usual length is not touched.
"""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Iterator

from aurora_otel.runtime.packet_filters import (
    KEEP,
    LENGTH_OF_DATA,
    SO_ATTACH_FILTER,
    SO_DETACH_FILTER,
    Filter,
)
from aurora_otel.runtime.sockets import SocketId, identify
from aurora_otel.runtime.traffic import counts, libc

_NONE = bytes(4)


@contextlib.contextmanager
def throttled(sock: SocketId | None, most: int) -> Iterator[None]:
    """Have a socket receive, in the block, so many bytes of a packet at most.

    By its descriptor's number, as in `traffic`. Where the system has no such filter, nothing is
    changed.

    Args:
        sock: the socket; its connection is in use by the calling thread alone.
        most: bytes.
    """
    if sock is None or not counts(sock):
        yield
        return
    try:
        _set(sock, SO_ATTACH_FILTER, _first(most).option)
        yield
    finally:
        _set(sock, SO_DETACH_FILTER, _NONE)


def _set(sock: SocketId, option: int, value: bytes) -> None:
    if identify(sock.fd) == sock:
        libc.setsockopt(sock.fd, socket.SOL_SOCKET, option, value, len(value))


@functools.cache
def _first(most: int) -> Filter:
    return Filter(
        *LENGTH_OF_DATA,
        (0x25, 0, 3, most),  # if A > most:
        (0x87, 0, 0, 0),  # A = X
        (0x04, 0, 0, most),  # A += most
        (0x16, 0, 0, 0),  # keep A bytes, the header among them
        KEEP,
    )
