"""The cluster's names as Aurora's name servers have them: they lead to the instances themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from aurora_otel.lab.addresses import GATEWAY

if TYPE_CHECKING:
    from aurora_otel.lab.addresses import Addresses
    from aurora_otel.lab.dns import Names


class Records(Mapping[str, str]):
    """IP addresses by name. An endpoint's changes while this is read: each lookup is a new one.

    Args:
        places: the cluster's names and addresses.
        names: what its endpoints lead to.
        aliases: other names, and the endpoint or instance that each stands for.
    """

    def __init__(self, places: Addresses, names: Names, aliases: Mapping[str, str]) -> None:
        self._places = places
        self._names = names
        # An instance's own name first: all others lead to it.
        own = {places.host(place): place for place in (*places.instances, *places.places)}
        self._targets = own | {name: places.checked(aliases[name]) for name in aliases}

    def __getitem__(self, name: str) -> str:
        """Return the IP address that `name` leads to at this moment."""
        target = self._targets[name]
        if target in GATEWAY:
            target = self._names.resolve(target, time.monotonic())
        return self._places.ip(target)

    def __iter__(self) -> Iterator[str]:
        """Iterate over all names."""
        return iter(self._targets)

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self._targets)
