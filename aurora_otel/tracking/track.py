"""One open connection, as the agent knows it, and how it ended."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from aurora_otel.model.endpoints import Address, Endpoint
from aurora_otel.model.former_writers import Cause
from aurora_otel.model.groups import Group, Outcome, PruneReason
from aurora_otel.runtime.sockets import SocketId
from aurora_otel.tracking.cluster import Cluster


class State(Enum):
    """Where a track is on its way."""

    NEW = "new"
    OPEN = "open"
    CLAIMED = "claimed"  # being invalidated: its end is not decided yet
    INVALIDATED = "invalidated"
    CLOSED = "closed"
    PRUNED = "pruned"


# Looked up once: to read a member of an Enum takes longer than all else that a checkout compares.
_TRACKED = (State.NEW, State.OPEN)
_SHUT_DOWN = (State.CLAIMED, State.INVALIDATED)


class Track(weakref.ref[Any]):
    """One open connection; itself the weak reference to it.

    Attributes:
        group: what it is counted by; only the tracker changes it.
        cluster: the cluster that it belongs to; only the tracker changes it.
        destination: the cluster that it turned out to belong to, and what it is to be counted by,
            until the tracker moves it there.
        instance: the instance that it landed on, as it answered last, if that is known.
        role: that instance's role at opening.
        endpoint_type: how it was opened.
        endpoint: what the application connected to, if it can be asked later which instance it is.
        opened_at: when, in seconds of the monotonic clock.
        socket: its socket, where that is known.
        peer: the network address at its other end, where that is known.
        opened_in: the span context in which it was opened, if that was sampled.
        in_flight_since: when the call in flight began; 0.0 without one.
        refused_at: when a write on it was refused first; infinity: never.
        refused_by_reader: whether the server said of itself that it is a reader when it did so.
        doubted: whether that is not explained yet: its server is to be asked which one it is.
        closed: whether the application closed it.
        lost: whether the driver takes it for gone.
        hung_up: whether the server was seen to have hung up.
        shutdown_failed: whether it was found stale, and could not be shut down.
        state: where it is on its way; only the tracker writes it.
        counted_change: the writer change for which it was last counted without being closed.
    """

    __slots__ = (
        "closed",
        "cluster",
        "counted_change",
        "destination",
        "doubted",
        "endpoint",
        "endpoint_type",
        "group",
        "hung_up",
        "in_flight_since",
        "instance",
        "lost",
        "opened_at",
        "opened_in",
        "peer",
        "refused_at",
        "refused_by_reader",
        "role",
        "shutdown_failed",
        "socket",
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
        endpoint: Endpoint | None = None,
        peer: Address | None = None,
    ) -> None:
        super().__init__(connection, collected)  # type: ignore[call-arg]
        self.group = group
        self.cluster = cluster
        self.destination: tuple[Cluster, Group] | None = None
        self.instance = instance
        self.role = group.role
        self.endpoint_type = group.endpoint_type
        self.endpoint = endpoint
        self.opened_at = opened_at
        self.socket = socket
        self.peer = peer
        self.opened_in = opened_in
        self.in_flight_since = 0.0
        self.refused_at = float("inf")
        self.refused_by_reader = False
        self.doubted = False
        self.closed = False
        self.lost = False
        self.hung_up = False
        self.shutdown_failed = False
        self.state = State.NEW
        self.counted_change = -1

    def __repr__(self) -> str:
        # That of `weakref.ref` reads the connection's `__name__`: where it is a proxy of wrapt 2,
        # that leaves an exception behind, for which whatever runs next is blamed.
        return f"<Track of {self.group.driver} on {self.group.instance}: {self.state.value}>"

    @property
    def host(self) -> str | None:
        """What the application connected to, if it can be asked later which instance it is."""
        return str(self.endpoint.address) if self.endpoint else None

    @property
    def refused(self) -> bool:
        """Whether a write on it was refused."""
        return self.refused_at != float("inf")

    @property
    def is_tracked(self) -> bool:
        """Whether it is still the tracker's business."""
        return self.state in _TRACKED

    @property
    def is_on_writer(self) -> bool:
        """Whether its instance is known as the writer."""
        return self.instance is not None and self.instance == self.cluster.detector.writer

    @property
    def is_being_invalidated(self) -> bool:
        """Whether a verdict has claimed it, and what comes of that is not decided yet."""
        return self.state is State.CLAIMED

    @property
    def is_shut_down(self) -> bool:
        """Whether a verdict has closed it, or is about to."""
        return self.state in _SHUT_DOWN

    @property
    def is_unusable(self) -> bool:
        """Whether a verdict has closed it, or is about to, or would if it could."""
        if self.shutdown_failed:
            return self.cluster.detector.staleness(self) is not None
        return self.is_shut_down


class Invalidation(NamedTuple):
    """A stale connection, why it was, and what came of it."""

    track: Track
    cause: Cause
    outcome: Outcome


class Ended(NamedTuple):
    """A track that came to its end, and how."""

    track: Track
    reason: PruneReason | None
