"""Which connection of the process leads to which instance.

No I/O. Every change of state passes one inbox that is drained under one lock, because the hooks
that report changes may run anywhere: a weakref callback, and an application's own `close()` called
from one, can strike inside any allocation, also one of the agent's under the lock. So hooks only
append, `deque.append` is the weakref callback itself, and what a track has to become is read off
the track: reconciling it twice, or in any order, comes to the same.

A signal handler strikes anywhere, too, and may raise or ask for a snapshot. Python runs it when a
call returns or a function or a round of a loop begins, and nowhere else. So whatever has to happen
together (a state and its count) is written in one go, with no call in between, and the lock is
taken by `with` alone, which no signal can part from its release.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from aurora_otel.model.endpoints import Address, EndpointType
from aurora_otel.model.former_writers import Cause
from aurora_otel.model.groups import OTHER, Group, Outcome, PruneReason
from aurora_otel.model.straight import StraightReason
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Reading, Role
from aurora_otel.tracking.books import Books
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.ends import Ends
from aurora_otel.tracking.holdings import Holdings
from aurora_otel.tracking.track import Ended, Invalidation, State, Track

_T = TypeVar("_T")


class Tracker:
    """Every open connection of the process, by cluster and group, and the totals of each group."""

    def __init__(self) -> None:
        self.inbox: deque[Track] = deque()
        self.collected = self.inbox.append
        self.books = Books()
        # Reentered by a signal handler that asks for a snapshot.
        self._lock = threading.RLock()
        self._holdings = Holdings()
        self._ends = Ends(self.books, self._holdings)
        # What happened to connects: see `Books.count`.
        self._connects: deque[tuple[Group, str | StraightReason | Symptom | None]] = deque()
        self._disowned: deque[Address] = deque()

    # What hooks may call: appends only.

    def note(self, track: Track) -> None:
        """Have `track` examined again: it was opened, closed, or had a write refused."""
        self.inbox.append(track)

    def note_identity(self, track: Track, instance: str, cluster: Cluster, group: Group) -> None:
        """Have `track` taken for one to `instance` of `cluster`: its server said so.

        Args:
            track: the connection.
            instance: the instance.
            cluster: its cluster.
            group: what the connection is counted by from now on.
        """
        track.instance = instance
        track.role = group.role
        track.destination = cluster, group
        self.inbox.append(track)

    def note_misroute(self, group: Group) -> None:
        """Count a connection through the writer endpoint that landed on a reader of `group`."""
        self._connects.append((group, None))

    def note_refusal(self, group: Group) -> None:
        """Count a write on a connection of `group` that was refused."""
        self._connects.append((group, Symptom.READ_ONLY))

    def note_failure(self, group: Group, error: str) -> None:
        """Count a connect of `group` that failed with an error of this type."""
        self._connects.append((group, error))

    def note_straight(self, group: Group, reason: StraightReason) -> None:
        """Count a connection of `group` that went straight to the writer."""
        self._connects.append((group, reason))

    def disown(self, address: Address) -> None:
        """Have connections through `address` be to no instance that it was taken to lead to.

        Behind a pooler, one may have been taken for one to an instance, where the pooler and a
        server behind it gave the session one number by chance. Where one server at a time is behind
        the name of an instance, one that was not asked was taken for one to that.
        """
        self._disowned.append(address)

    def doubt(self, track: Track, instance: str, before: float) -> bool:
        """Have other connections asked that were taken for ones to the same server, `instance`.

        Waits for nothing, and takes no lock.

        Args:
            track: the connection whose server has another name.
            instance: the one that it was known by.
            before: what was opened later is not meant, in seconds of the monotonic clock.

        Returns:
            whether there are any.
        """
        return self._holdings.doubt(track, instance, before)

    def has_unidentified(self, cluster: Cluster) -> bool:
        """Return whether an open connection to `cluster` had no instance at the last drain."""
        return self._holdings.has_unidentified(cluster)

    # What runs on the agent's own threads, at a scrape or on request.

    def drain(self) -> None:
        """Work off the inbox."""
        with self._lock:
            # A signal handler may have worked off everything, at any time.
            while self._connects:
                with contextlib.suppress(IndexError):
                    self.books.count(*self._connects.popleft())
            while self.inbox:
                if (track := _first(self.inbox)) is not None:
                    self._reconcile(track)
                    _take_out(self.inbox, track)
            while self._disowned:
                if (address := _first(self._disowned)) is not None:
                    self._holdings.disown(address)
                    _take_out(self._disowned, address)

    def settled(self) -> AbstractContextManager[Any]:
        """Work off the inbox; return the lock, under which nothing changes.

        What is noted between the two waits for the next time.
        """
        self.drain()
        return self._lock

    def take_ended(self) -> list[Ended]:
        """Return the tracks that ended since the last call."""
        return self._ends.take()

    def tracks(self, cluster: Cluster) -> list[Track]:
        """Return the open connections to `cluster`."""
        with self.settled():
            return [track for tracks in self.open(cluster).values() for track in tracks]

    def open(self, cluster: Cluster) -> Mapping[Group, Set[Track]]:
        """Return the open connections to `cluster` by group; steady while `settled` is held."""
        return self._holdings.open(cluster)

    def stale(self, cluster: Cluster) -> Set[Track]:
        """Return those of them that are stale; steady only while `settled` is held."""
        return self._holdings.stale(cluster)

    def claim(
        self, cluster: Cluster, began: float, *, refused_before: float = float("inf")
    ) -> list[tuple[Track, Cause]]:
        """Claim the stale connections to `cluster` that were opened before `began`.

        Nothing else acts on claimed tracks until `settle` says what came of them.

        Args:
            cluster: the cluster.
            began: when the reading began that decides.
            refused_before: what was refused at this time or later does not count; infinity: all
                counts.
        """
        with self.settled():
            claimed = []
            for track, found in self._holdings.weigh(cluster).items():
                cause: Cause | None = found
                if refused_before < float("inf"):
                    cause = cluster.detector.staleness(track, as_of=refused_before)
                if cause and track.opened_at < began and track.state is State.OPEN:
                    track.state = State.CLAIMED
                    claimed.append((track, cause))
            return claimed

    def note_peers(self, cluster: Cluster, reading: Reading) -> bool:
        """Correct the instances of connections by the network addresses that answered.

        A server that has another name now has its old address. Where a name turns out to have
        moved from one server to another, its other connections are in doubt.

        Returns:
            whether the instance of any is unknown now.
        """
        with self.settled():
            return self._holdings.note_peers(cluster, reading)

    def settle(self, settled: Iterable[tuple[Track, Cause, Outcome | None]]) -> list[Invalidation]:
        """Write down what came of claimed tracks; `None`: the owner had closed it.

        A connection that stays open is counted once for each change of the writer.

        Returns:
            those that were counted.
        """
        counted = []
        with self.settled():
            for track, cause, outcome in settled:
                if outcome is Outcome.CLOSED:
                    self._ends.invalidate(track, cause)
                    counted.append(Invalidation(track, cause, outcome))
                    continue
                track.state = State.OPEN
                if outcome and track.counted_change != track.cluster.detector.changes:
                    track.counted_change = track.cluster.detector.changes
                    track.shutdown_failed = outcome is Outcome.FAILED
                    self.books[track.group].invalidations[cause, outcome] += 1
                    counted.append(Invalidation(track, cause, outcome))
                self._reconcile(track)
        return counted

    def prune(self, tracks: Iterable[Track], reason: PruneReason) -> int:
        """Drop `tracks`, unless they came to another end meanwhile; return how many."""
        with self.settled():
            open_still = [track for track in tracks if track.state is State.OPEN]
            for track in open_still:
                self._ends.prune(track, reason)
            return len(open_still)

    def absorb(self, winner: Cluster, loser: Cluster) -> None:
        """Move everything of `loser` to `winner`: they turned out to be one cluster."""
        with self.settled():
            self._holdings.absorb(winner, loser)

    def has_open(self, cluster: Cluster) -> bool:
        """Return whether a connection to `cluster` is open."""
        with self.settled():
            return any(self.open(cluster).values())

    def forget(self, cluster: Cluster, is_gone: Callable[[Group], bool]) -> None:
        """Drop a cluster without open connections; what `is_gone` holds for goes to `other`."""
        with self.settled():
            self._holdings.drop(cluster)
            self.books.regroup(lambda group: _other(group) if is_gone(group) else group)

    def fold(self, cluster: Cluster, names: Set[str]) -> set[str]:
        """Count the instances `names` as `other` from now on.

        Returns:
            those to which connections are open: they keep their names.
        """
        with self.settled():
            groups = self._holdings.groups(cluster)
            kept = {group.instance for group, tracks in groups.items() if tracks} & names
            gone = names - kept
            self.books.regroup(
                lambda group: (
                    group._replace(instance=OTHER)
                    if group.cluster == cluster.label and group.instance in gone
                    else group
                )
            )
            for group in [group for group in groups if group.instance in gone]:
                del groups[group]
            cluster.drop_names(gone)
            return kept

    def part_all(self, pairs: deque[tuple[Cluster, Cluster]]) -> None:
        """Part each of the pairs of clusters that were taken for one."""
        with contextlib.suppress(IndexError):
            while True:
                cluster, other = pairs.popleft()
                self.part(cluster.current, other.current)

    def part(self, cluster: Cluster, other: Cluster) -> None:
        """Move to `other` what its writer lists of the connections to `cluster`."""
        with self.settled():
            self._holdings.part(cluster, other)

    def rename(self, cluster: Cluster, label: str) -> None:
        """Call `cluster` by another name, in everything that was counted so far."""
        with self.settled():
            cluster.rename(label)
            self.books.regroup(cluster.regroup)
            self._holdings.regroup(cluster)

    # Under the lock.

    def _reconcile(self, track: Track) -> None:
        if track.state is State.NEW:
            self._enter(track)
        if track.state is not State.OPEN:
            return
        if track.destination is not None:
            cluster, group = track.destination
            self._holdings.move(track, cluster.current, group)
            track.destination = None
        if track.hung_up:
            self._ends.prune(track, PruneReason.HUNG_UP)
        elif track.closed:
            self._ends.close(track)
        elif track() is None:
            # What the driver had given up already was no leak.
            reason = PruneReason.CLOSED if track.lost else PruneReason.GARBAGE_COLLECTED
            self._ends.prune(track, reason)
        elif track.cluster.detector.staleness(track):
            self._holdings.note_stale(track)

    def _enter(self, track: Track) -> None:
        # It may have been opened while its cluster was absorbed by another.
        cluster = track.cluster.current
        track.cluster = cluster
        track.group = cluster.regroup(track.group)
        tracks = self._holdings.groups(cluster).setdefault(track.group, set())
        book = self.books[track.group]
        if track.state is State.NEW:
            track.state = State.OPEN
            book.opens += 1
            tracks.add(track)


def _other(group: Group) -> Group:
    """Return what the connections of `group` are counted by once their cluster is forgotten."""
    return Group(OTHER, group.system, OTHER, Role.UNKNOWN, group.driver, EndpointType.OTHER)


def _first(queue: deque[_T]) -> _T | None:
    """Return what is to be worked off next, and stays until it was: an interrupt loses nothing."""
    try:
        return queue[0]
    except IndexError:
        return None


def _take_out(queue: deque[_T], first: _T) -> None:
    """Take out what was worked off, unless a signal handler has."""
    try:
        if queue[0] is first:
            queue.popleft()
    except IndexError:
        pass
