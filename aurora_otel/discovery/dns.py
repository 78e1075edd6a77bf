"""What DNS tells of a private name."""

from __future__ import annotations

import contextlib
import socket

from aurora_otel.model import endpoints
from aurora_otel.model.endpoints import Address, Endpoint


def rds_endpoint(address: Address) -> Endpoint | None:
    """Return the RDS endpoint at the end of a private name's CNAME chain, if it leads to one.

    `db.example.com` → cluster endpoint → instance endpoint: the last name of the chain tells an
    instance, and the domain of all instance endpoints. Blocks for as long as the resolver takes.
    """
    with contextlib.suppress(OSError, UnicodeError):
        for *_, canonical, _ in socket.getaddrinfo(*address, flags=socket.AI_CANONNAME):
            if canonical and (found := endpoints.parse(canonical, address.port)).domain:
                return found
    return None
