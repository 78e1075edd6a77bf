"""Who is connected where.

No I/O. Every change of state passes one inbox that is drained under one lock, because the hooks
that report changes may run anywhere: a weakref callback, and an application's own `close()` called
from one, can strike inside any allocation, also one of ours under the lock. So hooks only append,
`deque.append` is the weakref callback itself, and what a track has to become is read off the track:
reconciling it twice, or in any order, comes to the same.

A signal handler strikes anywhere, too, and may raise or ask for a snapshot. Python runs it when a
call returns or a function or a round of a loop begins, and nowhere else. So whatever has to happen
together (a state and its count) is written in one go, with no call in between, and the lock is
taken by `with` alone, which no signal can part from its release.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from aurora_otel.detector import Cause
from aurora_otel.endpoints import EndpointType
from aurora_otel.topology import Role

if TYPE_CHECKING:
    from aurora_otel.cleanup import SocketId
    from aurora_otel.clusters import Cluster


class PruneReason(str, Enum):
    """Why a connection was dropped that nobody closed."""

    GARBAGE_COLLECTED = "garbage_collected"
    CLOSED = "closed"
    HUNG_UP = "hung_up"


class Outcome(str, Enum):
    """What came of invalidating a connection."""

    CLOSED = "closed"
    FAILED = "failed"
    OBSERVED = "observed"


class State(Enum):
    """Where a track is on its way."""

    NEW = "new"
    OPEN = "open"
    CLAIMED = "claimed"  # being invalidated: its end is not decided yet
    INVALIDATED = "invalidated"
    CLOSED = "closed"
    PRUNED = "pruned"


class Group(NamedTuple):
    """What connections are counted by; `role` is the one at opening."""

    cluster: str
    system: str
    instance: str
    role: Role
    driver: str
    endpoint_type: EndpointType


class Track(weakref.ref[Any]):
    """One open connection; itself the weak reference to it.

    Attributes:
        group: what it is counted by; never changes.
        cluster: the cluster that it belongs to.
        instance: the instance that it landed on, if that is known.
        role: that instance's role at opening.
        endpoint_type: how it was opened.
        opened_at: when, in seconds of the monotonic clock.
        socket: its socket, where it can be told.
        opened_in: the span context in which it was opened, if that was sampled.
        in_flight_since: when the call in flight began; 0.0 without one.
        refused: whether a write on it was refused.
        closed: whether the application closed it.
        lost: whether the driver takes it for gone.
        hung_up: whether the server was seen to have hung up.
        spared: whether it was found stale, and could not be shut down.
        state: where it is on its way; only the tracker writes it.
        counted_change: the writer change for which it was last counted without being closed.
    """

    __slots__ = (
        "closed",
        "cluster",
        "counted_change",
        "endpoint_type",
        "group",
        "hung_up",
        "in_flight_since",
        "instance",
        "lost",
        "opened_at",
        "opened_in",
        "refused",
        "role",
        "socket",
        "spared",
        "state",
    )

    # A weak reference is equal to another while their referents are: tracks are themselves alone.
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def __new__(  # noqa: D102 - as `__init__`
        cls, connection: Any, collected: Callable[[Track], None], **_: Any
    ) -> Track:
        return super().__new__(cls, connection, collected)

    def __init__(  # noqa: PLR0913 - a record
        self,
        connection: Any,
        collected: Callable[[Track], None],
        *,
        group: Group,
        cluster: Cluster,
        instance: str | None,
        opened_at: float,
        socket: SocketId | None,
        opened_in: Any = None,
    ) -> None:
        super().__init__(connection, collected)  # type: ignore[call-arg]
        self.group = group
        self.cluster = cluster
        self.instance = instance
        self.role = group.role
        self.endpoint_type = group.endpoint_type
        self.opened_at = opened_at
        self.socket = socket
        self.opened_in = opened_in
        self.in_flight_since = 0.0
        self.refused = False
        self.closed = False
        self.lost = False
        self.hung_up = False
        self.spared = False
        self.state = State.NEW
        self.counted_change = -1

    @property
    def is_tracked(self) -> bool:
        """Whether it is still the tracker's business."""
        return self.state in (State.NEW, State.OPEN)

    @property
    def is_being_invalidated(self) -> bool:
        """Whether a verdict has claimed it, and what comes of that is not decided yet."""
        return self.state is State.CLAIMED

    @property
    def is_out_of_use(self) -> bool:
        """Whether a verdict took it out of use, or is about to, or would if it could."""
        if self.spared:
            return self.cluster.detector.staleness(self) is not None
        return self.state in (State.CLAIMED, State.INVALIDATED)


@dataclass(slots=True)
class Book:
    """The totals of one group: opens = open now + closes + prunes + invalidations `closed`."""

    opens: int = 0
    closes: int = 0
    misroutes: int = 0
    prunes: Counter[PruneReason] = field(default_factory=Counter)
    invalidations: Counter[tuple[Cause, Outcome]] = field(default_factory=Counter)

    def add(self, other: Book) -> None:
        """Count what `other` has counted, too."""
        self.opens += other.opens
        self.closes += other.closes
        self.misroutes += other.misroutes
        # Zeros, too: they are told.
        self.prunes.update(other.prunes)
        self.invalidations.update(other.invalidations)

    def copy(self) -> Book:
        """Return a copy that no longer changes."""
        return Book(
            self.opens,
            self.closes,
            self.misroutes,
            Counter(self.prunes),
            Counter(self.invalidations),
        )


class Invalidation(NamedTuple):
    """A stale connection, why it was, and what came of it."""

    track: Track
    cause: Cause
    outcome: Outcome


class Ended(NamedTuple):
    """A track that came to its end, and how."""

    track: Track
    reason: PruneReason | None


class Tracker:
    """Every open connection of the process, by cluster and group, and the books about them."""

    def __init__(self) -> None:
        self.inbox: deque[Track] = deque()
        self.collected = self.inbox.append
        self.books: defaultdict[Group, Book] = defaultdict(Book)
        # Reentered by a signal handler that asks for a snapshot.
        self._lock = threading.RLock()
        self._ended: deque[Ended] = deque()
        self._misrouted: deque[Group] = deque()

    # What hooks may call: appends only.

    def note(self, track: Track) -> None:
        """Have `track` looked at again: it was opened, closed, or had a write refused."""
        self.inbox.append(track)

    def note_misroute(self, group: Group) -> None:
        """Count a connection through the writer endpoint that landed on a reader of `group`."""
        self._misrouted.append(group)

    # What runs on threads of ours, at a scrape or on request.

    def drain(self) -> None:
        """Work off the inbox."""
        with self._lock:
            while self._misrouted:
                self.books[self._misrouted.popleft()].misroutes += 1
            while self.inbox:
                # Taken out only afterwards: an interrupt in between loses nothing.
                track = self.inbox[0]
                self._reconcile(track)
                # A signal handler may have worked off everything meanwhile.
                if self.inbox and self.inbox[0] is track:
                    self.inbox.popleft()

    def settled(self) -> AbstractContextManager[Any]:
        """Work off the inbox; return the lock, under which nothing changes.

        What is noted between the two waits for the next time.
        """
        self.drain()
        return self._lock

    def take_ended(self) -> list[Ended]:
        """Return the tracks that ended since the last call."""
        ended: list[Ended] = []
        with contextlib.suppress(IndexError):
            while True:
                ended.append(self._ended.popleft())
        return ended

    def tracks(self, cluster: Cluster) -> list[Track]:
        """Return the open connections to `cluster`."""
        with self.settled():
            return [track for tracks in cluster.open.values() for track in tracks]

    def claim(self, cluster: Cluster, began: float) -> list[tuple[Track, Cause]]:
        """Claim the stale connections to `cluster` that were opened before `began`.

        Claimed tracks are out of everybody's hands until `settle` says what came of them.
        """
        with self.settled():
            self._weigh(cluster)
            claimed = []
            for track in cluster.stale:
                cause = cluster.detector.staleness(track)
                if cause and track.opened_at < began and track.state is State.OPEN:
                    track.state = State.CLAIMED
                    claimed.append((track, cause))
            return claimed

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
                    self._invalidate(track, cause)
                    counted.append(Invalidation(track, cause, outcome))
                    continue
                track.state = State.OPEN
                if outcome and track.counted_change != track.cluster.detector.changes:
                    track.counted_change = track.cluster.detector.changes
                    track.spared = outcome is Outcome.FAILED
                    self.books[track.group].invalidations[cause, outcome] += 1
                    counted.append(Invalidation(track, cause, outcome))
                self._reconcile(track)
        return counted

    def prune(self, tracks: Iterable[Track], reason: PruneReason) -> int:
        """Drop `tracks`, unless they came to another end meanwhile; return how many."""
        with self.settled():
            open_still = [track for track in tracks if track.state is State.OPEN]
            for track in open_still:
                self._prune(track, reason)
            return len(open_still)

    def absorb(self, winner: Cluster, loser: Cluster) -> None:
        """Move everything of `loser` to `winner`: they turned out to be one cluster."""
        with self.settled():
            for group, tracks in loser.open.items():
                for track in tracks:
                    track.cluster = winner
                winner.open.setdefault(group, set()).update(tracks)
            loser.open.clear()
            loser.stale.clear()
            self._weigh(winner)

    def rename(self, cluster: Cluster, label: str) -> None:
        """Call `cluster` by another name, in everything that was counted so far."""
        with self.settled():
            cluster.rename(label)
            for group in [group for group in self.books if group.cluster == cluster.former_label]:
                # Two names of one cluster may have been counted apart.
                book = self.books.pop(group)
                self.books[cluster.regroup(group)].add(book)
            for group, tracks in list(cluster.open.items()):
                renamed = cluster.regroup(group)
                for track in tracks:
                    track.group = renamed
                del cluster.open[group]
                cluster.open.setdefault(renamed, set()).update(tracks)

    # Under the lock.

    def _reconcile(self, track: Track) -> None:
        if track.state is State.NEW:
            self._enter(track)
        if track.state is not State.OPEN:
            return
        if track.hung_up:
            self._prune(track, PruneReason.HUNG_UP)
        elif track.closed:
            self._close(track)
        elif track() is None:
            # What the driver had given up already was no leak.
            self._prune(track, PruneReason.CLOSED if track.lost else PruneReason.GARBAGE_COLLECTED)
        elif track.cluster.detector.staleness(track):
            track.cluster.stale.add(track)

    def _enter(self, track: Track) -> None:
        # It may have been opened while its cluster was absorbed by another.
        cluster = track.cluster.current
        track.cluster = cluster
        track.group = cluster.regroup(track.group)
        tracks, book = cluster.open.setdefault(track.group, set()), self.books[track.group]
        if track.state is State.NEW:
            track.state = State.OPEN
            book.opens += 1
            tracks.add(track)

    def _weigh(self, cluster: Cluster) -> None:
        cluster.stale = {
            track
            for tracks in cluster.open.values()
            for track in tracks
            if cluster.detector.staleness(track)
        }

    def _prune(self, track: Track, reason: PruneReason) -> None:
        track.hung_up = reason is PruneReason.HUNG_UP
        prunes, ended = self.books[track.group].prunes, Ended(track, reason)
        prunes.setdefault(reason, 0)
        self._remove(track)
        if track.state is State.OPEN:
            track.state = State.PRUNED
            prunes[reason] += 1
            self._ended.append(ended)

    def _close(self, track: Track) -> None:
        book, ended = self.books[track.group], Ended(track, None)
        self._remove(track)
        if track.state is State.OPEN:
            track.state = State.CLOSED
            book.closes += 1
            self._ended.append(ended)

    def _invalidate(self, track: Track, cause: Cause) -> None:
        invalidations, ended = self.books[track.group].invalidations, Ended(track, None)
        invalidations.setdefault((cause, Outcome.CLOSED), 0)
        self._remove(track)
        track.state = State.INVALIDATED
        invalidations[cause, Outcome.CLOSED] += 1
        self._ended.append(ended)

    def _remove(self, track: Track) -> None:
        track.cluster.open[track.group].discard(track)
        track.cluster.stale.discard(track)
