"""What is known is kept within bounds: idle clusters and names that are gone are forgotten.

Their figures go on being reported under `other`, so that no total ever falls.
"""

from __future__ import annotations

from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.clusters import Clusters
from aurora_otel.tracking.registry import IDLE_FOR
from aurora_otel.tracking.tracker import Tracker

# Seconds between two searches for names that no answer confirms any more.
_FADING = 60.0


class Upkeep:
    """Forgets; used on the background loop's thread alone.

    Args:
        clusters: the clusters.
        tracker: which connection leads to which instance.
    """

    def __init__(self, clusters: Clusters, tracker: Tracker) -> None:
        self._clusters = clusters
        self._tracker = tracker
        self._next_fading = float("-inf")

    def tidy(self, now: float) -> None:
        """Forget what is idle; `now` in seconds of the monotonic clock."""
        registry = self._clusters.registry

        def in_use(cluster: Cluster) -> bool:
            return self._tracker.has_open(cluster) or cluster.detector.window_open(now)

        if retired := registry.retire(now, in_use):
            self._clusters.bindings.drop(frozenset(retired).__contains__)
        for cluster in registry.take_forgotten(now, in_use):
            self._forget(cluster)
        for cluster in self._clusters:
            if cluster.forgotten:
                self._fold_names(cluster)
        if now >= self._next_fading:
            self._next_fading = now + _FADING
            self._clusters.bindings.fade(now, IDLE_FOR)

    def _forget(self, cluster: Cluster) -> None:
        for each in (cluster, *cluster.absorbed):
            each.monitor.stop()
            overflow = self._clusters.registry.overflow(each.system)
            overflow.failovers.update(each.failovers)
            overflow.disagreements += each.disagreements
            overflow.events.update(each.events)
        labels = {each.label for each in (cluster, *cluster.absorbed)}
        for other in self._clusters:
            labels -= {each.label for each in (other, *other.absorbed)}
        self._tracker.forget(cluster, lambda group: group.cluster in labels)

    def _fold_names(self, cluster: Cluster) -> None:
        """Report instances that are not listed any more, and made room for others, as `other`."""
        names = {cluster.forgotten.popleft() for _ in range(len(cluster.forgotten))}
        for other in self._clusters:
            if other.label == cluster.label:
                names.difference_update(list(other.instances))

        # Those to which a connection is open keep their names for as long as it is.
        cluster.forgotten.extend(self._tracker.fold(cluster, names))
