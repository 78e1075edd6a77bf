"""What DNS tells of a private name."""

from __future__ import annotations

import contextlib
import socket

from aurora_otel import endpoints
from aurora_otel.endpoints import Address


def rds_domain(address: Address) -> str | None:
    """Return the RDS domain at the end of a private name's CNAME chain, if it leads to one.

    `db.example.com` → cluster endpoint → instance endpoint: the last name of the chain tells the
    domain of the instance endpoints. Blocks for as long as the resolver takes.
    """
    with contextlib.suppress(OSError, UnicodeError):
        for *_, canonical, _ in socket.getaddrinfo(*address, flags=socket.AI_CANONNAME):
            if canonical and (domain := endpoints.parse(canonical, address.port).domain):
                return domain
    return None
