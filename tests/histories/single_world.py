"""Fake servers of which one at a time is behind a name, at an address of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aurora_otel.discovery import SYSTEMS
from aurora_otel.discovery.patience import LASTING
from aurora_otel.discovery.single import SinglePostgreSQL
from aurora_otel.model.endpoints import Address
from tests.histories import servers
from tests.histories.servers import Session
from tests.support import probes

if TYPE_CHECKING:
    from aurora_otel.drivers.protocol import Rows
    from aurora_otel.tracking.cluster import Cluster

NEVER = float("-inf")


@dataclass(eq=False)
class Place(servers.Server):
    """One server at one address.

    Attributes:
        accepts_writes: whether it accepts writes.
        is_full: whether it has no connection left, and serves those that it has.
        there_since: since when it has accepted writes, and answered.
    """

    accepts_writes: bool = False
    is_full: bool = False
    there_since: float = NEVER

    @property
    def was_writer(self) -> bool:
        """Return whether it ever accepted writes."""
        return self.there_since > NEVER

    @property
    def answers(self) -> bool:
        """Return whether it answers before it counts as silent."""
        return not (self.is_frozen or self.is_gone or self.delay >= LASTING)


@dataclass(eq=False)
class Endpoint:
    """One name, and the servers that it leads to one after the other.

    Attributes:
        name: the name.
        places: all servers that were ever behind it.
        serving: the one that took over last.
        former: those that another one took over from.
        dns: the one to which the name leads; it may lag.
    """

    name: str
    places: list[Place] = field(default_factory=list)
    serving: Place = field(init=False)
    former: set[Place] = field(default_factory=set, init=False)
    dns: Place = field(init=False)


class SingleWorld(servers.Servers):
    """Endpoints of one server at a time.

    Args:
        system: `db.system.name`.
        endpoints: the names.
        now: the agent's clock.
    """

    def __init__(self, system: str, endpoints: list[Endpoint], now: Callable[[], float]) -> None:
        super().__init__()
        self.system = system
        self.endpoints = endpoints
        self.now = now

    def at(self, address: Address) -> Place | None:
        """Return the server that has a network address."""
        everywhere = (place for endpoint in self.endpoints for place in endpoint.places)
        return next((each for each in everywhere if each.address == address), None)

    def resolve(self, host: str, port: int) -> Place | None:
        """Return the server that a host and port lead to now."""
        for endpoint in self.endpoints:
            if host == endpoint.name:
                return endpoint.dns
        return self.at(Address(host, port))

    def has_room(self, server: servers.Server) -> bool:
        """Return whether a server takes another connection."""
        return not (isinstance(server, Place) and server.is_full)

    def become(self, place: Place, **state: float) -> None:
        """Have a server be in another state."""
        before = place.answers and place.accepts_writes
        for name, value in state.items():
            setattr(place, name, value)
        if place.answers and place.accepts_writes and not before:
            place.there_since = self.now()

    def answer(self, session: Session, statement: str) -> Rows:
        """Return what a session's server answers."""
        place = session.server
        assert isinstance(place, Place)
        is_probe = statement == SYSTEMS[self.system].probe
        if self.system == "mysql":
            read_only = "OFF" if place.accepts_writes else "ON"
            variables = [("pseudo_thread_id", session.number), ("read_only", read_only)]
            return variables if is_probe else [("01"[not place.accepts_writes], session.number)]
        reader = "false" if place.accepts_writes else "true"
        if is_probe:
            return [probes.of_postgresql(session.number, {SinglePostgreSQL: (reader,)})]
        return [(reader, session.number)]

    def is_wronged(self, session: Session, cluster: Cluster | None) -> bool:
        """Return whether its server accepts writes, and has answered for long enough."""
        place = session.server
        assert isinstance(place, Place)
        began = cluster.detector.confirmed_at if cluster else float("inf")
        return place.accepts_writes and place.answers and place.there_since < began
