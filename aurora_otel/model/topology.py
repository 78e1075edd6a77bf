"""Instances, roles, views and verdicts: what is said and what is known of a cluster.

Pure: values only. An instance *says* which one it is and how it sees the others (`Answer`); such a
view names a writer at most, because views lag and disagree. Only a `Verdict`, in which the named
writer has confirmed that it is one, decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from aurora_otel.model.endpoints import Address


class Role(str, Enum):
    """What an instance does in its cluster."""

    WRITER = "writer"
    READER = "reader"
    UNKNOWN = "unknown"


class Source(str, Enum):
    """Where a view of the topology came from."""

    SQL = "sql"
    RDS_API = "rds_api"


class EventKind(str, Enum):
    """What an event of the control plane reports of a failover."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    REVERTED = "reverted"
    OTHER = "other"


# Rows of the view older than this are instances that are gone: the view keeps them.
GONE_AFTER = 300.0


class Member(NamedTuple):
    """One row of an instance's view of its cluster.

    Attributes:
        instance: the instance's identifier.
        writer: whether the row claims to be the writer's.
        age: seconds since the row was updated.
    """

    instance: str
    writer: bool
    age: float


class View(NamedTuple):
    """How one instance sees its cluster.

    Attributes:
        instances: the identifiers of the instances that are there, the writer's among them.
        writer: the instance that it names as the writer, if it names one.
        domain: the RDS domain of the instances, where the view has their endpoints.
        addresses: by instance, where it is reached, where the view has that.
    """

    instances: tuple[str, ...]
    writer: str | None
    domain: str | None = None
    addresses: Mapping[str, Address] = MappingProxyType({})

    @staticmethod
    def of(members: Iterable[Member]) -> View:
        """Return the view that `members` amount to.

        Of two that claim to be the writer, as happens during a failover, the one updated last
        wins. Instances that are gone are left out, except the writer.
        """
        members = tuple(members)
        claims = [member for member in members if member.writer]
        writer = min(claims, key=lambda member: member.age).instance if claims else None
        there = (m.instance for m in members if m.instance == writer or m.age <= GONE_AFTER)
        return View(tuple(dict.fromkeys(there)), writer)


class Answer(NamedTuple):
    """What one instance said, in one statement, of itself and of its cluster.

    Attributes:
        instance: its identifier.
        role: its role by its own word.
        backend_id: the server's own number for the session that was asked.
        view: how it sees the cluster, where that could be read.
        epoch: a number that rises with each promotion, such as PostgreSQL's timeline; 0 where the
            kind of cluster has none.
        lineage: what all servers with copies of the same data answer alike, such as PostgreSQL's
            system identifier, where the kind of cluster has that: another one is another cluster.
        places: where else members of the cluster may be reached, where no list names them.
    """

    instance: str
    role: Role
    backend_id: str
    view: View | None = None
    epoch: int = 0
    lineage: str | None = None
    places: tuple[Address, ...] = ()

    @property
    def is_writer(self) -> bool:
        """Whether it is the writer: by its role and, where it can be read, by its own row."""
        named = self.view is None or self.view.writer == self.instance
        return self.role is Role.WRITER and named


class Verdict(NamedTuple):
    """A confirmed topology.

    Attributes:
        writer: the instance that confirmed that it is the writer.
        instances: the identifiers of the instances that are there.
        began: when its reading began, in seconds of the monotonic clock: it judges only
            connections opened before.
        renamed: what the writer was called before: it is the same server by another name.
        denied: whether the writer that was known before answered that it is none any more.
        epoch: the epoch at which the writer claimed.
        unheard: the instances that are there for all that is known, and did not answer, where each
            one's own word is wanted.
    """

    writer: str
    instances: tuple[str, ...]
    began: float
    renamed: str | None = None
    denied: bool = False
    epoch: int = 0
    unheard: frozenset[str] = frozenset()


class WriterClaim(NamedTuple):
    """An instance's claim to be the writer.

    Attributes:
        epoch: at which.
        at: when it was asked, in seconds of the monotonic clock.
    """

    epoch: int
    at: float


class Reading(NamedTuple):
    """What one refresh of a cluster's topology brought.

    Attributes:
        source: where it was read.
        began: when it began, in seconds of the monotonic clock.
        named: the writer that the views named last.
        instances: the instances that the views listed.
        verdict: the confirmed topology, if the named writer confirmed.
        error: the type of the last error on the way, if there was one.
        login_refused: whether no login worked.
        contested: the instances that claimed to be the writer, and were not believed.
        claims: by instance that answered, the epoch at which it claims to be the writer; `None`:
            it does not.
        places: where else members may be reached.
        direct: by instance, its own address, where it was reached there.
        peers: by network address, the instances that answered; see `model.peers.Peers.found`.
        hosts: by where answers came from, the instance; `None`: where the application itself
            connected last.
        direct_hosts: those of them at which an instance has the address that it is called by.
        readers: the instances that answered that they are readers.
    """

    source: Source
    began: float
    named: str | None = None
    instances: tuple[str, ...] = ()
    verdict: Verdict | None = None
    error: str | None = None
    login_refused: bool = False
    contested: tuple[str, ...] = ()
    claims: Mapping[str, int | None] = MappingProxyType({})
    places: tuple[Address, ...] = ()
    direct: Mapping[str, Address] = MappingProxyType({})
    peers: Mapping[Address, str | None] = MappingProxyType({})
    hosts: Mapping[Address | None, str] = MappingProxyType({})
    direct_hosts: frozenset[Address | None] = frozenset()
    readers: frozenset[str] = frozenset()

    def address_of(self, instance: str) -> Address | None:
        """Return the network address at which it was asked by its own name, if known."""
        return next((at for at, found in self.peers.items() if found == instance), None)
