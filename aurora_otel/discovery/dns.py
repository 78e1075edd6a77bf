"""What DNS says about a private name."""

from __future__ import annotations

import _thread
import contextlib
import socket

from aurora_otel.model import endpoints
from aurora_otel.model.endpoints import Address, Endpoint
from aurora_otel.runtime.gate import Gate


def rds_endpoint(address: Address) -> Endpoint | None:
    """Return the RDS endpoint at the end of a private name's CNAME chain, if it leads to one.

    `db.example.com` → cluster endpoint → instance endpoint: the last name of the chain names an
    instance, and the domain of all instance endpoints. Blocks for as long as the resolver takes.
    """
    with contextlib.suppress(OSError, UnicodeError):
        for *_, canonical, _ in socket.getaddrinfo(*address, flags=socket.AI_CANONNAME):
            if canonical and (found := endpoints.parse(canonical, address.port)).domain:
                return found
    return None


def addresses(address: Address) -> frozenset[str]:
    """Return the network addresses that a name leads to; none if it leads nowhere.

    Blocks for as long as the resolver takes.
    """
    with contextlib.suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
        return frozenset(str(socket_address[0]) for *_, socket_address in found)
    return frozenset()


class DomainLookup:
    """Finds the domain of the instance endpoints behind a private name, once, on a thread.

    Attributes:
        domain: the domain; `None` until it is found.
    """

    def __init__(self) -> None:
        self.domain: str | None = None
        self._begun: dict[str, Address] = {}
        self._ended = Gate()
        self._is_over = False

    def begin(self, address: Address) -> None:
        """Resolve `address`, unless that has begun; from any thread, and waits for nothing."""
        if self._begun:
            return
        if self._begun.setdefault("", address) is address:
            # Not `Thread.start`, which waits. The interpreter may be shutting down.
            with contextlib.suppress(RuntimeError):
                _thread.start_new_thread(self._resolve, (address,))

    def wait(self, seconds: float) -> None:
        """Wait so many seconds at most for a lookup that has begun; from one thread."""
        if self._begun and not self._is_over:
            self._is_over = self._ended.wait(seconds)

    def _resolve(self, address: Address) -> None:
        try:
            found = rds_endpoint(address)
            self.domain = found.domain if found else None
        finally:
            self._ended.open()
