"""Why a connect goes straight to the writer, and when its host may be gone past.

Pure: values only.
"""

from __future__ import annotations

import ipaddress
from enum import Enum
from typing import NamedTuple

from aurora_otel.model.endpoints import Address
from aurora_otel.model.peers import unmapped


class StraightReason(str, Enum):
    """Why the name of a writer endpoint is taken to lead elsewhere than to the writer."""

    FAILOVER = "failover"
    MISROUTED = "misrouted"
    CONNECT_FAILED = "connect_failed"


class Whereabouts(NamedTuple):
    """Where a confirmed writer is.

    Attributes:
        writer: the instance.
        address: the network address at which it confirmed itself, asked by its own name.
        own_name: that name, and the port: what it is reached by, whatever its address.
    """

    writer: str
    address: Address
    own_name: Address | None = None


def is_name(host: str) -> bool:
    """Return whether `host` is a name that a name server resolves.

    An address is the application's own choice, and so is `localhost`: a tunnel, most of the time.
    """
    if not host or host[0] in "/@" or "," in host or host == "localhost":
        return False
    try:
        ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return True
    return False


def lead_to(addresses: frozenset[str], address: Address) -> bool:
    """Return whether all of a name's `addresses` are the host of `address`."""
    return set(map(unmapped, addresses)) == {unmapped(address.host)}
