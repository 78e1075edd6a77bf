"""The former writers of one cluster, and which connections are stale because of them.

Pure. Times are seconds of the monotonic clock and are passed in.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.topology import Role

# So many are remembered, the latest: more than a cluster has instances.
MOST_FORMER = 64

# For so many seconds after a change, a writer's name may lead to the former one by turns.
LONGEST_LAG = 60.0


class Cause(str, Enum):
    """Why a connection is stale."""

    WRITER_CHANGED = "writer_changed"
    MISROUTED = "misrouted"
    WRITE_REFUSED = "write_refused"


class ConnectionFacts(Protocol):
    """What the rule of staleness asks of a connection."""

    @property
    def instance(self) -> str | None:
        """The instance that it landed on, if that is known."""

    @property
    def role(self) -> Role:
        """That instance's role when the connection was opened."""

    @property
    def endpoint_type(self) -> EndpointType:
        """How it was opened."""

    @property
    def opened_at(self) -> float:
        """When it was opened."""

    @property
    def refused_at(self) -> float:
        """When a write on it was refused first; infinity: never."""

    @property
    def refused_by_reader(self) -> bool:
        """Whether the server that refused it was a reader, by its own word."""

    @property
    def host(self) -> str | None:
        """What the application connected to, if that is known."""


class FormerWriters:
    """What is remembered of the instances that were the writer before.

    Attributes:
        changed_at: when the writer was found to be another one, the last time.
        unheard: the instances that did not say what they are when all were asked the last time.
    """

    def __init__(self) -> None:
        self.changed_at = float("-inf")
        self.unheard: frozenset[str] = frozenset()
        self._known_until: dict[str, float] = {}
        # What the writer was called before, and when it was found renamed.
        self._former_names: dict[str, float] = {}
        # Hosts that led to a former writer on which a write was refused, that instance, and when.
        self._refusing: dict[tuple[str | None, str], float] = {}
        # By host: the instance that it led to when it was last seen to lead anywhere.
        self._leads_to: dict[str, str] = {}
        # Hosts that were seen to lead to readers, too, while there was a writer to lead to.
        self._shared: dict[str, None] = {}

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._known_until)

    def note_rename(self, old: str, at: float) -> None:
        """Take note that the writer was called `old` before."""
        self._former_names = {**self._former_names, old: at}

    def note_change(self, old: str, writer: str, at: float) -> None:
        """Take note that `writer` has taken the place of `old`."""
        self._known_until |= dict.fromkeys([old, *self._former_names], at)
        self._former_names = {}
        while len(self._known_until) > MOST_FORMER:
            del self._known_until[min(self._known_until, key=self._known_until.__getitem__)]
        self.changed_at = at
        refusing = self._refusing.copy().items()
        self._refusing = {each: at for each, at in refusing if each[1] != writer}

    def note_refusal(self, connection: ConnectionFacts, writer: str | None, now: float) -> None:
        """Take note of a refused write; see `Detector.note_refusal`."""
        instance = connection.instance
        if instance is not None and (instance == writer or instance in self._known_until):
            self._refusing[connection.host, instance] = now
            for each in list(self._refusing)[:-MOST_FORMER]:
                self._refusing.pop(each, None)

    def note_lead(
        self, host: str, instance: str, writer: str | None, at: float, *, is_reader: bool
    ) -> bool:
        """Take note of where a host led; see `Detector.note_lead`."""
        has_moved = instance == writer != self._leads_to.get(host) and any(
            refusing == host for refusing, _ in list(self._refusing)
        )
        if is_reader and writer is not None and instance != writer:
            # A name that lags leads to a former writer, and not back to it later.
            is_back = self._leads_to.get(host) == writer and at > self.changed_at + LONGEST_LAG
            if is_back or instance not in self._known_until:
                self._shared[host] = None
        self._leads_to[host] = instance
        for hosts in (self._leads_to, self._shared):
            for each in list(hosts)[:-MOST_FORMER]:
                hosts.pop(each, None)
        return has_moved

    def staleness(
        self,
        connection: ConnectionFacts,
        writer: str,
        *,
        spares_doubtful: bool,
        as_of: float,
    ) -> Cause | None:
        """Return why `connection` is stale, or `None` if it is not; see `Detector.staleness`."""
        instance = connection.instance
        if instance is None or instance == writer:
            return None
        if connection.opened_at < self._former_names.get(instance, float("-inf")):
            # The same server by its former name.
            return None
        is_refused = connection.refused_at < as_of
        if spares_doubtful:
            is_stale = self._was_left(connection, instance, is_refused=is_refused)
        else:
            is_stale = self._is_stale(
                connection, instance, is_refused=is_refused
            ) or self._is_like_refused(connection, instance, writer, as_of)
        if not is_stale:
            return None
        if connection.role is Role.WRITER:
            return Cause.WRITER_CHANGED
        if connection.endpoint_type is EndpointType.WRITER:
            return Cause.MISROUTED
        return Cause.WRITE_REFUSED if is_refused else Cause.WRITER_CHANGED

    def _was_left(self, connection: ConnectionFacts, instance: str, *, is_refused: bool) -> bool:
        if connection.endpoint_type is EndpointType.READER:
            return False
        if self._known_until.get(instance, float("-inf")) > connection.opened_at:
            return True
        return is_refused and connection.role is Role.READER

    def _is_stale(self, connection: ConnectionFacts, instance: str, *, is_refused: bool) -> bool:
        kind = connection.endpoint_type
        if kind is EndpointType.WRITER:
            return True
        if kind in (EndpointType.READER, EndpointType.PROXY):
            return False
        known_until = self._known_until.get(instance, float("-inf"))
        if connection.role is Role.WRITER or known_until > connection.opened_at:
            return True
        if kind is EndpointType.OTHER:
            # A standby that was promoted may be one of those that did not answer.
            is_reader = connection.refused_by_reader or instance not in self.unheard
            return is_refused and is_reader
        return is_refused and self.changed_at > connection.opened_at

    def _is_like_refused(
        self, connection: ConnectionFacts, instance: str, writer: str, as_of: float
    ) -> bool:
        """Return whether a write was refused beside it, through a host that has moved since."""
        host = connection.host
        if connection.endpoint_type is not EndpointType.OTHER or host is None:
            return False
        since = self._refusing.get((host, instance), float("-inf"))
        has_moved = host not in self._shared and self._leads_to.get(host) == writer
        return has_moved and connection.opened_at < since < as_of
