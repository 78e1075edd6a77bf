"""Whether RDS's own names lead to the instances of a cluster from here.

Where they do, a bare name in the settings has nothing to explain, and may mean an instance of equal
name in a region that was never met. What answers there says the truth of another cluster.
"""

from __future__ import annotations

from collections.abc import Iterable

from aurora_otel.model.endpoints import Address
from aurora_otel.model.peers import is_of_this_host, unmapped
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.name_checks import NameCheck
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import Track


class RdsNames:
    """Finds that out for one cluster; used by its worker's thread.

    One name that leads to the network address of an open connection by a host of RDS is enough.
    Until the lookups have ended, RDS's names are gone by: they cannot mean another cluster's.

    Args:
        cluster: the cluster.
        context: what it works with.
    """

    def __init__(self, cluster: Cluster, context: AgentContext) -> None:
        self._cluster = cluster
        self._context = context
        self._checks: dict[Address, NameCheck] = {}
        self._compared: tuple[frozenset[str], list[Address]] | None = None
        self._counted = False

    def look_up(self, port: int, seconds: float) -> bool:
        """Find out, within so many seconds, whether bare names in the settings count for nothing.

        Args:
            port: the port of the application's own connections.
            seconds: for how long to wait.

        Returns:
            whether the instances are asked elsewhere than the last time.
        """
        if not self._cluster.is_named_by_rds or self._checks:
            self._cluster.is_named_by_rds = self._lead_here(port, seconds)
        before, self._counted = self._counted, self._cluster.is_named_by_rds
        return before is not self._counted

    def _lead_here(self, port: int, seconds: float) -> bool:
        """Return whether a name leads to where the application is connected, or may."""
        tracks = self._tracks()
        peers = frozenset(unmapped(track.peer.host) for track in tracks if track.peer)
        if not peers:
            return False
        names = self._names(tracks, port)
        if (peers, names) == self._compared:
            return False
        until = self._context.clock() + seconds
        for name in names:
            check = self._check(name)
            if not check.is_over:
                check.ended.wait(until - self._context.clock())
            if not check.is_over:
                return True
            if not peers.isdisjoint(map(unmapped, check.found)):
                self._checks.clear()
                return True
        self._checks.clear()
        self._compared = peers, names
        return False

    def _check(self, name: Address) -> NameCheck:
        """Return the lookup of a name; one that has begun is not begun again."""
        if name not in self._checks:
            self._checks[name] = NameCheck(name)
        return self._checks[name]

    def _tracks(self) -> list[Track]:
        """Return the connections whose network address shows where a host of RDS leads."""
        domain, explains = self._cluster.domain, self._context.clusters.endpoints
        if domain is None or not (explains.instances or explains.template):
            return []
        return [
            track
            for track in self._context.tracker.tracks(self._cluster)
            if track.endpoint is not None
            and track.endpoint.domain == domain
            # A tunnel's address shows nothing.
            and not (track.peer is None or is_of_this_host(track.peer))
        ]

    def _names(self, tracks: Iterable[Track], port: int) -> list[Address]:
        """Return RDS's names of the instances that the settings explain by bare names.

        Those that the application is connected to come first.
        """
        domain, explains = self._cluster.domain, self._context.clusters.endpoints
        instances = dict.fromkeys([track.instance for track in tracks])
        instances.update(dict.fromkeys(list(self._cluster.members)))
        return [
            Address(f"{instance}.{domain}", port)
            for instance in instances
            if instance and domain and explains.is_explained_by_bare_name(instance, domain)
        ]
