"""The open connections by cluster and group, and which of them are stale.

Not safe by itself: the tracker's lock is held wherever something changes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from aurora_otel.model.endpoints import Address
from aurora_otel.model.former_writers import Cause
from aurora_otel.model.groups import UNKNOWN, Group
from aurora_otel.model.topology import Reading
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import Track


class Holdings:
    """What is open where."""

    def __init__(self) -> None:
        self._open: dict[Cluster, dict[Group, set[Track]]] = {}
        self._stale: dict[Cluster, set[Track]] = {}

    def open(self, cluster: Cluster) -> Mapping[Group, Set[Track]]:
        """Return the open connections to `cluster` by group."""
        return self._open.get(cluster, {})

    def stale(self, cluster: Cluster) -> Set[Track]:
        """Return those of them that are stale."""
        return self._stale.get(cluster, set())

    def groups(self, cluster: Cluster) -> dict[Group, set[Track]]:
        """Return the open connections to `cluster` by group, to be changed."""
        return self._open.setdefault(cluster, {})

    def discard(self, track: Track) -> None:
        """Take out `track`: it is no longer open, or is moved."""
        self.groups(track.cluster)[track.group].discard(track)
        self._stale.get(track.cluster, set()).discard(track)

    def note_stale(self, track: Track) -> None:
        """Count `track` among the stale ones of its cluster."""
        self._stale.setdefault(track.cluster, set()).add(track)

    def weigh(self, cluster: Cluster) -> dict[Track, Cause]:
        """Find out again which connections to `cluster` are stale, and why."""
        staleness = cluster.detector.staleness
        found = {
            track: cause
            for tracks in self.open(cluster).values()
            for track in tracks
            if (cause := staleness(track))
        }
        self._stale[cluster] = set(found)
        return found

    def move(self, track: Track, cluster: Cluster, group: Group) -> None:
        """Have `track` belong to `cluster` and its end counted by `group`.

        Its opening stays where it was counted. The steps are in this order because they are done
        once more after an interrupt.
        """
        group = cluster.regroup(group)
        if cluster is track.cluster and group is track.group:
            return
        self.groups(cluster).setdefault(group, set()).add(track)
        self.discard(track)
        track.cluster, track.group = cluster, group

    def correct(self, track: Track, instance: str | None) -> None:
        """Have `track` be one to `instance` of its cluster; `None`: that is unknown now."""
        track.instance = instance
        if instance is None:
            # In doubt it stays open: what was refused may have been so by another server.
            track.refused_by_reader = False
        cluster, driver = track.cluster, track.group.driver
        self.move(track, cluster, cluster.group(instance, track.role, driver, track.endpoint_type))

    def note_peers(self, cluster: Cluster, reading: Reading) -> bool:
        """Correct the instances of connections by the network addresses that answered.

        Returns:
            whether the instance of any is unknown now.
        """
        recorded = [
            (track, track.instance)
            for tracks in self.open(cluster).values()
            for track in tracks
            if track.instance is not None and track.opened_at < reading.began
        ]
        moved = {
            instance
            for track, instance in recorded
            if track.peer and reading.peers.get(track.peer, instance) != instance
        }
        unknown = False
        for track, instance in recorded:
            answered = reading.peers.get(track.peer) if track.peer else None
            if instance in moved and answered != instance:
                self.correct(track, answered)
                unknown = unknown or answered is None
        return unknown

    def disown(self, address: Address) -> None:
        """Have the connections through `address` be to no instance, but one that its name says.

        Where instances are called by their addresses, the name says none.
        """
        for cluster in list(self._open):
            for track in [each for tracks in self.open(cluster).values() for each in tracks]:
                if track.endpoint is None or track.endpoint.address != address:
                    continue
                named = track.endpoint.instance
                if not cluster.detector.spares_doubtful:
                    self.correct(track, named)
                elif track.instance == named:
                    self.correct(track, None)

    # Read from hooks, too, without the lock: over copies.

    def doubt(self, track: Track, instance: str, before: float) -> bool:
        """Have other connections asked that were taken for ones to `instance`.

        Those of the same server as `track`, that were opened before `before`.

        Returns:
            whether there are any.
        """
        found = False
        for tracks in list(self.open(track.cluster).values()):
            for each in list(tracks):
                if (
                    each is not track
                    and each.instance == instance
                    and each.peer == track.peer
                    and each.opened_at < before
                ):
                    each.doubted = found = True
        return found

    def has_unidentified(self, cluster: Cluster) -> bool:
        """Return whether an open connection to `cluster` has no instance."""
        groups = list(self.open(cluster).items())
        return any(tracks and group.instance == UNKNOWN for group, tracks in groups)

    # Changes of clusters.

    def absorb(self, winner: Cluster, loser: Cluster) -> None:
        """Move everything of `loser` to `winner`."""
        for group, tracks in self.open(loser).items():
            for track in tracks:
                track.cluster = winner
            self.groups(winner).setdefault(group, set()).update(tracks)
        self.drop(loser)
        self.weigh(winner)

    def part(self, cluster: Cluster, other: Cluster) -> None:
        """Move to `other` what its writer lists of the connections to `cluster`.

        An instance that both list may be either's: its connections are not judged any more until
        one of them answers again.
        """
        for track in [each for tracks in self.open(cluster).values() for each in tracks]:
            if track.instance not in other.members:
                continue
            if track.instance in cluster.members:
                track.instance, track.refused_by_reader = None, False
            else:
                self.move(track, other, track.group)
        for each in (cluster, other):
            self.weigh(each)

    def regroup(self, cluster: Cluster) -> None:
        """Have the connections to `cluster` counted by its present label."""
        groups = self.groups(cluster)
        for group, tracks in list(groups.items()):
            renamed = cluster.regroup(group)
            for track in tracks:
                track.group = renamed
            del groups[group]
            groups.setdefault(renamed, set()).update(tracks)

    def drop(self, cluster: Cluster) -> None:
        """Forget `cluster`."""
        self._open.pop(cluster, None)
        self._stale.pop(cluster, None)
