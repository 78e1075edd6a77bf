"""What a cluster's endpoints and instances are called, and where they listen."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from aurora_otel.lab.dns import CUSTOM, ENDPOINTS, READER, WRITER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GATEWAY = {WRITER: "127.0.0.8", READER: "127.0.0.9", CUSTOM: "127.0.0.10"}
INSTANCE = "instance"
AURORA_NAMES = {
    WRITER: "{cluster}.cluster-{domain}",
    READER: "{cluster}.cluster-ro-{domain}",
    CUSTOM: "{cluster}-custom.cluster-custom-{domain}",
    INSTANCE: "{instance}.{domain}",
}
# As CloudNativePG names its services: for the primary, for replicas, and for any.
PLAIN_NAMES = {
    WRITER: "{cluster}-rw.{domain}",
    READER: "{cluster}-ro.{domain}",
    CUSTOM: "{cluster}-r.{domain}",
    INSTANCE: "{instance}.{cluster}.{domain}",
}
# An RDS instance and a replica of it; the servers themselves have no names that lead to them.
SINGLE_NAMES = {
    WRITER: "{cluster}.{domain}",
    READER: "{cluster}-replica.{domain}",
    CUSTOM: "{cluster}-replicas.internal",
    INSTANCE: "{instance}.internal",
}
_FIRST_INSTANCE = ipaddress.IPv4Address("127.0.0.11")
_FIRST_SERVER = ipaddress.IPv4Address("127.0.0.31")


class Addresses:
    """The names as Aurora gives them, and the loopback addresses behind them.

    Args:
        cluster: the cluster's identifier.
        instances: the instances' identifiers.
        domain: what follows `cluster-` in the endpoints' names.
        names: what names look like, by endpoint, and `INSTANCE` for each instance.

    Raises:
        ValueError: an identifier is no use.
    """

    def __init__(
        self,
        cluster: str,
        instances: Sequence[str],
        domain: str,
        names: Mapping[str, str] = AURORA_NAMES,
    ) -> None:
        self._cluster = _label("name", cluster)
        self.instances = tuple(_label("instances", instance) for instance in instances)
        self.places = (*ENDPOINTS, *self.instances)
        if not instances or len(set(self.places)) != len(self.places):
            raise ValueError(
                f"instances must be one or more, differ, and not be named like an endpoint"
                f" ({', '.join(ENDPOINTS)}); got {', '.join(instances) or 'none'}"
            )
        self._domain = domain
        self._names = names

    def host(self, target: str) -> str:
        """Return Aurora's name for an endpoint or an instance."""
        name = self._names.get(self.checked(target), self._names[INSTANCE])
        return name.format(cluster=self._cluster, instance=target, domain=self._domain)

    @property
    def hosts(self) -> dict[str, str]:
        """All names, and the IP addresses that they stand for."""
        return {self.host(place): self.ip(place) for place in self.places}

    def ip(self, target: str) -> str:
        """Return the IP address of an endpoint or an instance."""
        if self.checked(target) in GATEWAY:
            return GATEWAY[target]
        return str(_FIRST_INSTANCE + self.instances.index(target))

    def listening(self, *, in_front: bool) -> tuple[dict[str, str], dict[str, str]]:
        """Return where the gateway listens, and where the instances' servers do, by name.

        Args:
            in_front: whether the gateway stands before the instances, too.
        """
        instances = {instance: self.ip(instance) for instance in self.instances}
        if not in_front:
            return dict(GATEWAY), instances
        behind = {item: str(_FIRST_SERVER + at) for at, item in enumerate(self.instances)}
        return {**GATEWAY, **instances}, behind

    def checked(self, target: str) -> str:
        """Return `target`; raises `ValueError` if it is neither an endpoint nor an instance."""
        if target not in self.places:
            raise ValueError(f"target must be one of {', '.join(self.places)}; got {target!r}")
        return target


def is_ip(host: str) -> bool:
    """Return whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _label(argument: str, value: str) -> str:
    if not value.isascii() or not all(part.isalnum() for part in value.split("-")):
        raise ValueError(f"{argument} must be letters, digits and hyphens; got {value!r}")
    return value
