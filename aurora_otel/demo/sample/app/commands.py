"""What the parent process says on standard input."""

import os
import socket
import sys
from collections.abc import Callable
from typing import Any


def obey(use_idle: Callable[[], object], addresses: dict[str, str]) -> None:
    """Follow standard input until it says `stop`.

    Args:
        use_idle: has the idle connections used.
        addresses: what names resolve to.
    """
    for line in sys.stdin:
        if line == "use idle\n":
            use_idle()
        elif line.startswith("resolve "):
            name, address = line.split()[1].split("=")
            addresses[name] = address
        elif line == "stop\n":
            return
    # The parent process is gone, and a call that hangs must not keep this one.
    os._exit(1)


def resolve(addresses: dict[str, str]) -> None:
    """Make names resolve to addresses that no name server knows, as `curl --resolve` does."""
    plain: Any = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        return plain(addresses.get(host, host), *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
