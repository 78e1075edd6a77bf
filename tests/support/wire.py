"""What stand-ins for servers read from sockets."""

from __future__ import annotations

import socket


def exactly(sock: socket.socket, count: int) -> bytes:
    """Return the next `count` bytes.

    Raises:
        ConnectionResetError: the other end sends no more.
    """
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data
