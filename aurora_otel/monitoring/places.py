"""Where members of a cluster may be, for kinds of clusters without a list of them.

Standbys behind a name that leads to one server at a time are found by what the user says
(`MEMBERS`), by all the addresses of the application's own host, and by what the servers know of
each other.
"""

from __future__ import annotations

from collections.abc import Iterable

from aurora_otel.discovery.source import goes_by_address, hears_all
from aurora_otel.model.endpoints import Address
from aurora_otel.model.peers import address_of
from aurora_otel.model.straight import is_name
from aurora_otel.monitoring.name_checks import NameCheck
from aurora_otel.tracking.cluster import Cluster


class Places:
    """Where the members of one cluster may be; used by its worker's thread.

    Args:
        cluster: the cluster.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lookup: NameCheck | None = None
        self._host: Address | None = None
        self._found: frozenset[str] = frozenset()

    @property
    def are_wanted(self) -> bool:
        """Whether all that can be reached are to be asked."""
        return hears_all(self._cluster.source)

    def look_up(self, host: Address, seconds: float) -> None:
        """Find out the addresses of the application's own host, within so many seconds.

        What was found before counts for as long as nothing else is.
        """
        is_of_use = self.are_wanted or goes_by_address(self._cluster.source)
        if not is_of_use or not is_name(host.host):
            return
        if self._lookup is None or self._lookup.is_over or host != self._host:
            self._host = host
            self._lookup = NameCheck(host, self._note)
        self._lookup.ended.wait(seconds)

    def _note(self, found: frozenset[str]) -> None:
        self._found = found or self._found

    @property
    def host_leads_to(self) -> frozenset[str]:
        """The addresses of the application's own host, as they were found last."""
        return self._found

    def of(self, hosts: Iterable[Address], members: Iterable[frozenset[Address]]) -> list[Address]:
        """Return where else to ask.

        Args:
            hosts: those that the application connected to.
            members: the setting `MEMBERS`.
        """
        if not self.are_wanted:
            return []
        hosts = list(hosts)
        port = hosts[0].port if hosts else 0
        places = dict.fromkeys(self._cluster.places)
        # One address is where the host itself leads to.
        if len(self._found) > 1:
            places.update(dict.fromkeys(Address(each, port) for each in sorted(self._found)))
        for listed in self._groups(hosts, members):
            places.update(dict.fromkeys(sorted(listed)))
        return [each for each in places if each not in hosts]

    def are_complete(self, hosts: Iterable[Address], members: Iterable[frozenset[Address]]) -> bool:
        """Return whether the settings say where all members are; the arguments are as in `of`."""
        return self.are_wanted and bool(self._groups(list(hosts), members))

    def _groups(
        self, hosts: list[Address], members: Iterable[frozenset[Address]]
    ) -> list[set[Address]]:
        """Return those of `members` that are this cluster's: it is known to have one of them."""
        port = hosts[0].port if hosts else 0
        own = {*hosts, *self._cluster.addresses.values(), *self._of_members()}
        groups = ({Address(each.host, each.port or port) for each in group} for group in members)
        return [group for group in groups if own & group]

    def _of_members(self) -> list[Address]:
        """Return the addresses that members are called by, wherever they were reached."""
        return [found for name in list(self._cluster.members) if (found := address_of(name))]
