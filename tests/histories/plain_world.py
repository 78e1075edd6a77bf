"""Fake PostgreSQL and MySQL servers with replicas, each of which answers truthfully."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aurora_otel.discovery import SYSTEMS
from aurora_otel.discovery.plain_postgresql import PlainPostgreSQL
from aurora_otel.discovery.single import SinglePostgreSQL
from aurora_otel.model.endpoints import Address
from tests.histories import servers
from tests.histories.servers import PORT, TUNNEL, Session, new_address
from tests.support import probes

if TYPE_CHECKING:
    from aurora_otel.drivers.protocol import Rows
    from aurora_otel.tracking.cluster import Cluster

NEVER = float("-inf")
# Seconds in which no answer of a server is waited for.
TOO_SLOW = 10.0
_ports = itertools.count(20000)


@dataclass(eq=False)
class Member(servers.Server):
    """One server.

    Attributes:
        database: the cluster that it belongs to.
        accepts_writes: whether it accepts writes.
        timeline: of the WAL that it writes, or received last.
        follows: what it replicates from.
        promoted: when it began to accept writes.
        claimed: when it first answered so since then.
        there_since: since when it has answered all who asked.
    """

    database: Database
    accepts_writes: bool = False
    timeline: int = 1
    follows: Member | None = None
    promoted: float = NEVER
    claimed: float | None = None
    there_since: float = NEVER

    @property
    def answers(self) -> bool:
        """Return whether it answers in time."""
        return not (self.is_frozen or self.is_gone or self.delay >= TOO_SLOW)


@dataclass(eq=False)
class Database:
    """One cluster.

    Attributes:
        name: what its service is called.
        dns: where its writer's names lead; they may lag.
        members: its servers.
        shows_replicas: whether a primary shows any login that it has replicas.
        shows_places: whether the login may see where the others are.
        is_called_by_address: whether a MySQL's `report_host` is its address.
        tunnel: the port of a tunnel on this host that leads to its primary.
        balancer: the address of a load balancer that does.
    """

    name: str
    shows_replicas: bool = True
    shows_places: bool = False
    is_called_by_address: bool = False
    members: list[Member] = field(default_factory=list)
    dns: Member = field(init=False)
    tunnel: int = field(default_factory=lambda: next(_ports), init=False)
    balancer: Address = field(default_factory=new_address, init=False)

    @property
    def primaries(self) -> list[Member]:
        """Return the servers that accept writes, or will when they are back."""
        return [each for each in self.members if each.accepts_writes]

    @property
    def rightful(self) -> list[Member]:
        """Return the primaries of the highest timeline, if no standby has a higher one."""
        top = max(each.timeline for each in self.members)
        return [each for each in self.primaries if each.timeline == top]


class PlainWorld(servers.Servers):
    """Clusters of servers with replicas.

    Args:
        system: `db.system.name`.
        databases: the clusters.
        now: the agent's clock.
        lists_members: whether the setting `MEMBERS` says where their members are.
    """

    def __init__(
        self,
        system: str,
        databases: list[Database],
        now: Callable[[], float],
        *,
        lists_members: bool,
    ) -> None:
        super().__init__()
        self.system = system
        self.databases = databases
        self.now = now
        self.lists_members = lists_members
        self._turn = itertools.count()

    @property
    def members(self) -> list[Member]:
        """Return all servers."""
        return [each for database in self.databases for each in database.members]

    def at(self, address: Address) -> Member | None:
        """Return the server that has a network address."""
        return next((each for each in self.members if each.address == address), None)

    def resolve(self, host: str, port: int) -> Member | None:
        """Return the server that a host and port lead to now."""
        for database in self.databases:
            name, (at, _) = database.name, database.balancer
            if host in (f"{name}-rw", name, at) or (host, port) == (TUNNEL, database.tunnel):
                return database.dns
            if host == f"{name}-ro":
                there = [
                    each for each in database.members if each.answers and not each.accepts_writes
                ]
                return there[0] if there else database.dns
            if host == f"{name}-all":
                return database.members[next(self._turn) % len(database.members)]
        named = (each for each in self.members if f"{each.name}.pods" == host)
        return next(named, None) or self.at(Address(host, port))

    def addresses(self, host: str, port: int) -> frozenset[str]:
        """Return the network addresses that a name leads to now."""
        for database in self.databases:
            if host == f"{database.name}-all":
                return frozenset(each.address.host for each in database.members)
        return super().addresses(host, port)

    def peer(self, server: servers.Server, host: str, port: int) -> Address:
        """Return the network address at the other end of a session."""
        gateways = (each.balancer for each in self.databases if each.balancer.host == host)
        return next(gateways, None) or super().peer(server, host, port)

    # What happens.

    def promote(self, member: Member) -> None:
        """Have a server accept writes; PostgreSQL's begins a new timeline."""
        if not member.accepts_writes:
            member.timeline += 1
            member.follows = None
            member.accepts_writes, member.promoted, member.claimed = True, self.now(), None

    def demote(self, member: Member, follows: Member | None) -> None:
        """Have a server replicate from another one, whose timeline it receives."""
        member.accepts_writes, member.follows = False, follows
        if follows is not None:
            member.timeline = max(member.timeline, follows.timeline)

    def wake(self, member: Member) -> None:
        """Have a server answer again."""
        if not member.answers:
            member.is_frozen = member.is_gone = False
            member.delay, member.there_since = 0.0, self.now()

    # What servers answer.

    def answer(self, session: Session, statement: str) -> Rows:
        """Return what a session's server answers."""
        member = session.server
        assert isinstance(member, Member)
        if member.accepts_writes and member.claimed is None:
            member.claimed = self.now()
        if statement == SYSTEMS[self.system].probe:
            return self._probe(member, session)
        return self._ask(member, session)

    def _probe(self, member: Member, session: Session) -> Rows:
        followers = [each for each in member.database.members if each.follows is member]
        has_replicas = member.database.shows_replicas and bool(followers)
        if self.system == "mysql":
            variables = {"pseudo_thread_id": session.number, "read_only": _on(member)}
            variables |= {"slave_net_timeout": "60"} if has_replicas else {}
            return list(variables.items())
        kind = "primary" if has_replicas else "single"
        writable = "false" if member.accepts_writes else "true"
        evidence = (kind if member.accepts_writes else "standby",)
        found = {PlainPostgreSQL: evidence, SinglePostgreSQL: (writable,)}
        return [probes.of_postgresql(session.number, found)]

    def _ask(self, member: Member, session: Session) -> Rows:
        host, port = member.address
        if self.system == "mysql":
            called = host if member.database.is_called_by_address else member.name
            return [(called, str(port), "0" if member.accepts_writes else "1", session.number)]
        reader = "false" if member.accepts_writes else "true"
        timeline = f"{member.timeline:08X}" if member.accepts_writes else None
        me = (host, str(port), reader, session.number, timeline, member.database.name)
        others = self._others(member) if member.database.shows_places else []
        return [(*me, *each) for each in others] or [(*me, None, None)]

    def _others(self, member: Member) -> list[tuple[str, str | None]]:
        there = [each for each in member.database.members if each.answers]
        found: list[tuple[str, str | None]] = [
            (each.address.host, None) for each in there if each.follows is member
        ]
        if member.follows in there and member.follows:
            found.append((member.follows.address.host, str(PORT)))
        return found

    # The truth.

    def is_wronged(self, session: Session, cluster: Cluster | None) -> bool:
        """Return whether its server is the rightful writer, and the agent could know that.

        A refresh takes time, and a server that has not answered since it was promoted cannot be
        known to be: one that answers, or has answered, could. Where two may be, neither is to lose
        a connection.
        """
        member = session.server
        assert isinstance(member, Member)
        began = cluster.detector.confirmed_at if cluster else float("inf")
        if member not in self.writers(member.database) or member.promoted >= began:
            return False
        answered = member.claimed is not None and member.claimed < began
        if self.system == "mysql" and self.lists_members:
            # One that is silent where all members are known is out of the question.
            answered = False
        could_answer = member.answers and member.there_since < began
        return answered or (could_answer and self.can_be_found(member))

    def writers(self, database: Database) -> list[Member]:
        """Return the servers that may rightfully be the writer: MySQLs have no number."""
        return database.primaries if self.system == "mysql" else database.rightful

    def can_be_found(self, member: Member) -> bool:
        """Return whether the agent can know where a server is that answers."""
        by_address = member.database.is_called_by_address or self.system == "postgresql"
        return by_address or self.lists_members


def _on(member: Member) -> str:
    return "OFF" if member.accepts_writes else "ON"
