"""What is known is kept within bounds: idle clusters and names that are gone are forgotten.

Their figures go on being reported under `other`, so that no total ever falls.
"""

from __future__ import annotations

from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.clusters import Clusters
from aurora_otel.tracking.registry import IDLE_FOR
from aurora_otel.tracking.tracker import Tracker

# So many clusters are remembered that turned out to be another one, the latest.
MOST_ABSORBED = 16
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
            if len(cluster.absorbed) > MOST_ABSORBED:
                self._forget_absorbed(cluster)
        if now >= self._next_fading:
            self._next_fading = now + _FADING
            self._clusters.bindings.fade(now, IDLE_FOR)

    def _forget_absorbed(self, cluster: Cluster) -> None:
        """Forget the oldest of those that `cluster` has taken over, as far as they have ended."""
        with self._tracker.settled():
            groups = self._tracker.open(cluster).items()
            busy = {group.cluster for group, tracks in groups if tracks}
        ended = [each for each in cluster.absorbed if each.label not in busy]
        gone = ended[: len(cluster.absorbed) - MOST_ABSORBED]
        cluster.absorbed = [each for each in cluster.absorbed if each not in gone]
        self._report_as_other(gone)

    def _forget(self, cluster: Cluster) -> None:
        self._report_as_other([cluster, *cluster.absorbed])

    def _report_as_other(self, clusters: list[Cluster]) -> None:
        """Report what is known of clusters that were taken out as `other`."""
        for each in clusters:
            each.monitor.stop()
            overflow = self._clusters.registry.overflow(each.system)
            overflow.failovers.update(each.failovers)
            overflow.disagreements += each.disagreements
            overflow.events.update(each.events)
        labels = {each.label for each in clusters}
        for other in self._clusters:
            labels -= {each.label for each in (other, *other.absorbed)}
        for each in clusters:
            self._tracker.forget(each, lambda group: group.cluster in labels)

    def _fold_names(self, cluster: Cluster) -> None:
        """Report instances that are not listed any more, and made room for others, as `other`."""
        names = {cluster.forgotten.popleft() for _ in range(len(cluster.forgotten))}
        for other in self._clusters:
            if other.label == cluster.label:
                names.difference_update(list(other.instances))

        # Those to which a connection is open keep their names for as long as it is.
        cluster.forgotten.extend(self._tracker.fold(cluster, names))
