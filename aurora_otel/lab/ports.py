"""One port number on several loopback addresses."""

from __future__ import annotations

import secrets
import socket
from typing import TYPE_CHECKING

from aurora_otel.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Below what the kernel gives to outgoing connections, so that none of those is in the way.
_FIRST, _LAST = 15000, 32000
_ATTEMPTS = 200


def listen(endpoints: Mapping[str, str], others: Sequence[str]) -> dict[str, socket.socket]:
    """Return a listening socket for each endpoint, all on one port that is free on all addresses.

    Args:
        endpoints: names and their IP addresses. While these are taken, no other lab takes the port.
        others: IP addresses on which servers will listen on the same port.

    Raises:
        LabError: no such port was found.
    """
    for _ in range(_ATTEMPTS):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        listeners: dict[str, socket.socket] = {}
        try:
            for name, address in endpoints.items():
                listeners[name] = _listener(address, port)
            for address in others:
                _listener(address, port).close()
        except OSError:
            for listener in listeners.values():
                listener.close()
        else:
            return listeners
    addresses = ", ".join((*endpoints.values(), *others))
    raise LabError(f"no port is free on all of {addresses}")


def _listener(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener
