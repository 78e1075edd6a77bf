"""Whether what an instance answered can be true of a cluster that is known.

Pure: values only. A cluster is what its own writer lists. A failover makes another *member* the
writer, and for minutes the new writer still lists the old one. Two writers of which neither lists
the other are therefore the writers of two clusters, whatever host, port or name led to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from enum import Enum
from typing import NamedTuple

from aurora_otel.model.endpoints import Address
from aurora_otel.model.membership import goes_with
from aurora_otel.model.peers import is_of_this_host
from aurora_otel.model.topology import Answer, Reading
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import Track


class Relation(Enum):
    """How an answer and a cluster go together."""

    SAME = "same"
    UNDECIDED = "undecided"
    OTHER = "other"


class Claim(NamedTuple):
    """What was answered of a cluster.

    Attributes:
        instance: the instance that answered; empty where several did.
        names: all the instances that were listed.
        writer: the writer that was named.
        is_own: whether the writer itself said so.
        has_view: whether the list is a view of the whole cluster.
        lineage: see `Answer.lineage`.
    """

    instance: str
    names: frozenset[str]
    writer: str | None
    is_own: bool
    has_view: bool
    lineage: str | None = None

    @staticmethod
    def of_answer(answer: Answer) -> Claim:
        """Return what `answer` claims."""
        seen = answer.view.instances if answer.view else ()
        named = answer.view.writer if answer.view else None
        return Claim(
            answer.instance,
            frozenset((answer.instance, *seen)),
            answer.instance if answer.is_writer else named,
            answer.is_writer,
            answer.view is not None,
            answer.lineage,
        )

    @staticmethod
    def of_reading(reading: Reading, *, has_view: bool) -> Claim:
        """Return what `reading` claims; `has_view`: whether instances were asked for their view."""
        writer = reading.verdict.writer if reading.verdict else reading.named
        is_own = reading.verdict is not None
        return Claim("", frozenset(reading.instances), writer, is_own, has_view)


def relation(
    cluster: Cluster, claim: Claim, *, is_bound: bool = True, is_named: bool = False
) -> Relation:
    """Return how `claim` and what is known of `cluster` go together.

    Args:
        cluster: the cluster.
        claim: what was answered.
        is_bound: whether the host that was connected to led to the cluster before. Then an instance
            that one side lists is enough; else an instance may have moved from one to the other,
            and both have to agree on the writer, or to list each other's.
        is_named: whether that host is an instance's own name, which may have moved as well: then
            one that is listed here, and does not list the writer, has to list the others.
    """
    if are_other_data(cluster.lineage, claim.lineage):
        return Relation.OTHER
    return _relation(cluster, claim, is_bound=is_bound, is_named=is_named)


def are_other_data(one: str | None, other: str | None) -> bool:
    """Return whether two lineages are known, and differ."""
    return None not in (one, other) and one != other


def _relation(cluster: Cluster, claim: Claim, *, is_bound: bool, is_named: bool) -> Relation:
    writer, members = cluster.likely_writer, cluster.members
    if not members and writer is None:
        return Relation.UNDECIDED
    lists, is_listed = writer in claim.names, claim.writer in members
    agrees = writer is not None and claim.writer == writer
    if is_listed and is_named and claim.has_view:
        is_listed = goes_with(claim.names, claim.writer, writer, members.keys())
    if agrees or (lists and is_listed) or (is_bound and (lists or is_listed)):
        return Relation.SAME
    overlap = any(name in members for name in claim.names)
    if not claim.has_view:
        return Relation.SAME if overlap and not claim.writer else Relation.UNDECIDED
    if writer is None or claim.writer is None:
        return Relation.SAME if overlap else _without_overlap(cluster)
    if not overlap:
        return Relation.OTHER
    # Either both list an instance that only one of them can have, and the other's list is out of
    # date; or the writer was renamed. A connection to the former one is best left alone.
    return Relation.OTHER if claim.is_own else Relation.UNDECIDED


def answers_elsewhere(reading: Reading, tracks: Iterable[Track], instances: Set[str]) -> bool:
    """Return whether an instance answered at another network address than it is connected to at.

    Args:
        reading: what was answered, and where.
        tracks: the open connections.
        instances: those that may be other instances of the same names.
    """
    peers: dict[str, set[Address]] = {}
    for track in tracks:
        instance, by_rds = track.instance, track.endpoint is not None and track.endpoint.domain
        if instance in instances and instance and by_rds and track.peer:
            peers.setdefault(instance, set()).add(track.peer)
    # A tunnel's address shows nothing.
    known = {name: at for name, at in peers.items() if not any(map(is_of_this_host, at))}
    return any(
        instance in known and peer not in known[instance] and not is_of_this_host(peer)
        for peer, instance in reading.peers.items()
    )


def leads_to_writer(reading: Reading, tracks: Iterable[Track]) -> bool:
    """Return whether the very servers of the open connections are in the writer's cluster.

    Each has answered in this reading, at the network address that its connections lead to, and the
    writer lists it. So it is the cluster of these connections, whatever was renamed in it.

    Args:
        reading: what was answered, and where.
        tracks: the open connections.
    """
    verdict = reading.verdict
    known = [track for track in tracks if track.instance is not None]
    return (
        verdict is not None
        and bool(known)
        and all(
            track.peer is not None
            and not is_of_this_host(track.peer)
            and reading.peers.get(track.peer) == track.instance
            and track.instance in verdict.instances
            for track in known
        )
    )


def may_be_one(first: Cluster, second: Cluster) -> bool:
    """Return whether nothing that their writers said keeps two clusters from being one."""
    one, other = first.likely_writer, second.likely_writer
    if are_other_data(first.lineage, second.lineage):
        return False
    if one is None or other is None or one == other:
        return True
    return one in second.members and other in first.members


def has_to_hear_of(cluster: Cluster, other: Cluster) -> bool:
    """Return whether `other` lists the writer of `cluster`, where its own is not known yet.

    They have copies of the same data: one of the two was promoted beside the other.
    """
    is_same_data = cluster.lineage is not None and cluster.lineage == other.lineage
    is_listed = cluster.detector.writer in other.members
    found = other.detector.writer
    return is_same_data and is_listed and found is not None and found not in cluster.members


def _without_overlap(cluster: Cluster) -> Relation:
    return Relation.OTHER if cluster.view else Relation.UNDECIDED
