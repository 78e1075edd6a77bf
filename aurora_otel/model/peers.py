"""Which servers answered, by network address: a property of a connection that no rename changes.

An instance's own name leads to that instance's server. Any other host may lead to a gateway (a
load balancer, a tunnel), whose address stands for one server now and for another one later.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Set

from aurora_otel.model.endpoints import Address


class Peers:
    """The network addresses of one refresh's answers.

    Attributes:
        found: by address, the instance whose server has it; `None`: an instance that answered
            there may have come by a gateway, so that earlier connections to that address have to
            be asked themselves.
    """

    def __init__(self) -> None:
        self.found: dict[Address, str | None] = {}
        self._said: dict[Address, str] = {}

    def note(self, instance: str, peer: Address | None, *, is_own: bool) -> None:
        """Take note of an answer.

        Args:
            instance: the instance that answered.
            peer: the network address that the answer came from.
            is_own: whether the instance was asked where it is reached by its own name.
        """
        if peer is None or (not is_own and is_of_this_host(peer)):
            # What a tunnel on this host leads to says nothing of where it led before.
            return
        if self._said.setdefault(peer, instance) != instance:
            self.found[peer] = None
        elif is_own:
            self.found[peer] = instance
        else:
            self.found.setdefault(peer, None)


def unmapped(host: str) -> str:
    """Return an IPv4 address as such, also where an IPv6 socket has mapped it."""
    return host.removeprefix("::ffff:")


def called_by(peer: Address) -> str:
    """Return what an instance is called that has no name but the address where it was reached."""
    return str(Address(unmapped(peer.host), peer.port))


def address_of(instance: str) -> Address | None:
    """Return the address that an instance is called by; `None`: it has another name."""
    host, _, port = instance.rpartition(":")
    return Address(host.strip("[]"), int(port)) if host and port.isdigit() else None


def leads_to(addresses: Set[str], instance: str) -> bool:
    """Return whether one of a name's `addresses` is that of an instance called by its own."""
    address = address_of(instance)
    return address is not None and unmapped(address.host) in map(unmapped, addresses)


def own_address(instance: str, peer: Address | None) -> Address | None:
    """Return the address that an instance is called by, if it was reached there.

    Anything in between, such as a load balancer or a tunnel, has another one: then the address that
    the instance has for itself may be another server's where the agent runs.

    Args:
        instance: its identifier.
        peer: the network address at the other end of a connection to it.
    """
    if peer is None:
        return None
    plain = Address(unmapped(peer.host), peer.port)
    return plain if str(plain) == instance else None


def is_of_this_host(peer: Address) -> bool:
    """Return whether an address is this host's own, as that of a tunnel is."""
    try:
        return ipaddress.ip_address(unmapped(peer.host)).is_loopback
    except ValueError:
        return False
