"""Names that no name server knows, for drivers that are written in Python.

What resolves in C (libpq, mysqlclient, mysql-connector's C connection, mariadb) does not see it.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def resolving(hosts: Mapping[str, str]) -> Iterator[None]:
    """Make `socket.getaddrinfo` find these names, in all threads, until the context is left.

    Args:
        hosts: IP addresses by name, as `Cluster.hosts` has them.
    """
    plain = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return plain(hosts.get(name, host) if isinstance(name, str) else host, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
    try:
        yield
    finally:
        socket.getaddrinfo = plain
