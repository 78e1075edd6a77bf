"""What leads to which cluster: hosts and the names of instances, as answers confirmed them.

Read and extended from hooks, without a lock: each step is one atomic operation on a dict. Only the
background loop removes entries. Times are seconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from aurora_otel.model.endpoints import Address, Endpoint
from aurora_otel.tracking.cluster import Cluster

# For so many seconds an answer proves that an instance belongs to a cluster. To delete an instance
# and to create another one of its name takes longer.
CONFIRMED_FOR = 600.0
# More names of instances than this are not bound: 256 clusters of 16.
MOST_NAMES = 4096

Host = str | Address
Name = tuple[str, str]


class Binding(NamedTuple):
    """A cluster that a name leads to, and when an answer said so, in monotonic seconds."""

    cluster: Cluster
    at: float


def host_of(endpoint: Endpoint) -> Host:
    """Return what the connections through `endpoint` have in common with those of its cluster."""
    return endpoint.cluster or endpoint.address


class Bindings:
    """The names of this process: hosts, and instances by scope and identifier."""

    def __init__(self) -> None:
        self._hosts: dict[Host, Binding] = {}
        self._names: dict[Name, Binding] = {}

    def of_host(self, host: Host) -> Cluster | None:
        """Return the cluster that `host` led to last."""
        found = self._hosts.get(host)
        return found.cluster.current if found else None

    def of_name(self, name: Name, now: float) -> Cluster | None:
        """Return the cluster of an instance; that of a known writer does not fade."""
        found = self._names.get(name)
        if found is None:
            return None
        cluster = found.cluster.current
        if now - found.at < CONFIRMED_FOR or cluster.detector.writer == name[1]:
            return cluster
        return None

    def is_confirmed(self, name: Name, now: float) -> bool:
        """Return whether an answer has said lately to which cluster the instance belongs."""
        found = self._names.get(name)
        return found is not None and now - found.at < CONFIRMED_FOR

    def claim_host(self, host: Host, cluster: Cluster, now: float) -> Cluster:
        """Bind `host` to `cluster` unless it is bound; return the cluster that it is bound to."""
        return self._hosts.setdefault(host, Binding(cluster, now)).cluster.current

    def bind_host(self, host: Host, cluster: Cluster, now: float) -> None:
        """Write down that `host` leads to `cluster` now."""
        self._hosts[host] = Binding(cluster, now)

    def bind_name(self, name: Name, cluster: Cluster, now: float) -> None:
        """Write down that an instance belongs to `cluster` now."""
        if name in self._names or len(self._names) < MOST_NAMES:
            self._names[name] = Binding(cluster, now)

    # On the background loop's thread.

    def drop(self, is_gone: Callable[[Cluster], bool]) -> None:
        """Drop what leads to clusters that are gone."""
        for host, binding in list(self._hosts.items()):
            if is_gone(binding.cluster.current):
                self._hosts.pop(host, None)
        for name, binding in list(self._names.items()):
            if is_gone(binding.cluster.current):
                self._names.pop(name, None)

    def fade(self, now: float, hosts_after: float) -> None:
        """Drop names that no answer confirms any more, except those of writers; and idle hosts.

        Args:
            now: seconds of the monotonic clock.
            hosts_after: seconds after which a host that was not connected to is dropped, where
                another one leads to its cluster.
        """
        for name, (cluster, at) in list(self._names.items()):
            if now - at >= CONFIRMED_FOR and cluster.current.detector.writer != name[1]:
                self._names.pop(name, None)
        latest = {cluster.current: host for host, (cluster, _) in list(self._hosts.items())}
        for host, (cluster, at) in list(self._hosts.items()):
            if now - at >= hosts_after and latest.get(cluster.current) != host:
                self._hosts.pop(host, None)
