"""How much has come in on a socket, which the system counts below every driver and TLS.

A socket is read by its descriptor's number: no duplicate is made, and no object of `socket` that
would close what belongs to the application.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from aurora_otel.runtime.sockets import SocketId, identify
from aurora_otel.runtime.system import IS_LINUX

# Of Linux's `struct tcp_info`: tcpi_bytes_received. Other systems have no such count.
_BYTES_RECEIVED = struct.Struct("=128xQ")
_TCP_INFO = getattr(socket, "TCP_INFO", None) if IS_LINUX else None
_LONGEST = 256
# More than any receive queue holds; and Linux's flags: elsewhere these do not discard.
_ALL = 1 << 30
_DISCARD = socket.MSG_TRUNC | socket.MSG_DONTWAIT if IS_LINUX else 0


def _process() -> Any:
    """Return the functions of the libraries that this process has loaded; Windows gives none."""
    try:
        return ctypes.CDLL(None, use_errno=True)
    except TypeError:
        return None


libc = _process()


def received(sock: SocketId | None) -> int:
    """Return how many bytes a TCP connection has received in all; -1 where that is not counted."""
    if sock is None or _TCP_INFO is None:
        return -1
    info = read(sock, libc.getsockopt, socket.IPPROTO_TCP, _TCP_INFO)
    return int(_BYTES_RECEIVED.unpack_from(info)[0]) if len(info) >= _BYTES_RECEIVED.size else -1


def counts(sock: SocketId) -> bool:
    """Return whether what comes in is counted: on Linux, and on a TCP connection."""
    return received(sock) >= 0


def read(sock: SocketId, call: Callable[..., int], *arguments: int) -> bytes:
    """Return what the system says about `sock`; nothing if that fails, or it was closed meanwhile.

    Args:
        sock: the socket.
        call: a function of `libc` that fills a buffer.
        arguments: of it, between the descriptor and the buffer.
    """
    buffer = ctypes.create_string_buffer(_LONGEST)
    length = ctypes.c_uint(_LONGEST)
    failed = call(sock.fd, *arguments, buffer, ctypes.byref(length))
    return b"" if failed or identify(sock.fd) != sock else buffer.raw[: length.value]


def is_waiting(sock: SocketId | None) -> bool:
    """Return whether something has come in on a socket that its owner has not read."""
    if sock is None or not _DISCARD:
        return False
    nothing = ctypes.create_string_buffer(1)
    peeked = libc.recv(sock.fd, nothing, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return bool(peeked > 0) and identify(sock.fd) == sock


def discard(sock: SocketId | None) -> None:
    """Drop what a TCP connection has received and its owner has not read: on Linux, uncopied.

    After `sockets.shut_down`, whose owner would go on to read that first.
    """
    if sock is None or not _DISCARD:
        return
    try:
        duplicate = os.dup(sock.fd)
    except OSError:
        return
    try:
        # Compared on the duplicate, as in `sockets.shut_down`.
        if os.fstat(duplicate).st_ino == sock.inode:
            libc.recv(duplicate, None, _ALL, _DISCARD)
    finally:
        os.close(duplicate)
