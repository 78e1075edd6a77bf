"""Every cluster of the process, within a limit: an application may connect to any number of hosts.

Extended from hooks, without a lock: each step is one atomic operation on a dict. Only the
background loop retires clusters: one is retired once its names lead nowhere, and forgotten some
seconds later, so that a connection that was just being opened is still counted with it. Times are
seconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aurora_otel.model.endpoints import Address, Endpoint
from aurora_otel.model.groups import OTHER
from aurora_otel.tracking.cluster import Cluster

# So many clusters are known at once; connections to others are counted, and never judged.
MOST_CLUSTERS = 256
# From so many on, those that are not in use make room for new ones.
CROWDED = 192
# Seconds after which a cluster is forgotten to which no connection is open or was opened.
IDLE_FOR = 3600.0
# So many clusters have a label of their own in the life of a process: exporters keep each for ever.
MOST_LABELS = 1024
# Longer than a new connection takes from finding its cluster to being tracked: seconds.
_GRACE = 2.0


class Registry:
    """The clusters, and which of them are to be forgotten.

    Args:
        create: makes the object of a new cluster out of its endpoint and `db.system.name`.
    """

    def __init__(self, create: Callable[[Endpoint, str], Cluster]) -> None:
        self._create = create
        self._all: dict[Cluster, None] = {}
        self._overflows: dict[str, Cluster] = {}
        self._labels: dict[str, None] = {}
        # When each was retired. The background loop's alone.
        self._retired: dict[Cluster, float] = {}

    def __iter__(self) -> Iterator[Cluster]:
        """Iterate over the clusters, each once, oldest first."""
        return iter(sorted(self._all.copy(), key=lambda c: c.number))

    def new(self, endpoint: Endpoint, system: str) -> Cluster:
        """Return a new cluster, or the one for what exceeds the limit; `add` makes it known."""
        if len(self._all) - len(self._retired) >= MOST_CLUSTERS:
            return self.overflow(system)
        cluster = self._create(endpoint, system)
        if cluster.label not in self._labels and len(self._labels) >= MOST_LABELS:
            cluster.label, cluster.is_lumped = OTHER, True
        return cluster

    def add(self, cluster: Cluster) -> None:
        """Make a cluster known."""
        self._all.setdefault(cluster)
        self._labels.setdefault(cluster.label)

    def remove(self, cluster: Cluster) -> None:
        """Take out a cluster that another has taken over."""
        self._all.pop(cluster, None)
        self._retired.pop(cluster, None)

    def overflow(self, system: str) -> Cluster:
        """Return what stands for all clusters of a database system that exceed the limit."""
        if found := self._overflows.get(system):
            return found
        created = self._create(Endpoint(Address(OTHER, 0)), system)
        created.label, created.is_lumped, created.is_overflow = OTHER, True, True
        created.awaits_name = False
        found = self._overflows.setdefault(system, created)
        self._all.setdefault(found)
        return found

    # On the background loop's thread.

    def retire(self, now: float, in_use: Callable[[Cluster], bool]) -> list[Cluster]:
        """Return the clusters that are to be retired now, those not used for longest first.

        Args:
            now: seconds of the monotonic clock.
            in_use: whether a connection to a cluster is open, or a refresh is wanted.
        """
        known = [each for each in self if not each.is_overflow and each not in self._retired]
        idle = [each for each in known if not in_use(each)]
        idle.sort(key=lambda each: each.used_at)
        surplus = max(0, len(known) - CROWDED)
        retired = [
            each
            for number, each in enumerate(idle)
            if number < surplus or now - each.used_at >= IDLE_FOR
        ]
        self._retired.update(dict.fromkeys(retired, now))
        return retired

    def take_forgotten(self, now: float, in_use: Callable[[Cluster], bool]) -> list[Cluster]:
        """Return the clusters that were retired some time ago and are not known any more."""
        forgotten = []
        for cluster, since in list(self._retired.items()):
            if in_use(cluster) or cluster.used_at > since:
                # A connection was just being opened: it is known for as long as that is.
                del self._retired[cluster]
            elif now - since >= _GRACE:
                self.remove(cluster)
                forgotten.append(cluster)
        return forgotten
