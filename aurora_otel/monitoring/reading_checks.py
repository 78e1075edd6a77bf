"""Whether a reading is one of the cluster that was to be read."""

from __future__ import annotations

from aurora_otel.model.membership import goes_with
from aurora_otel.model.topology import Reading
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.evidence import (
    Claim,
    Relation,
    answers_elsewhere,
    leads_to_writer,
    relation,
)


def is_misled(reading: Reading, cluster: Cluster, context: AgentContext) -> bool:
    """Return whether bare names in the settings led to other instances of equal names.

    Then they count for nothing in `cluster` from now on.
    """
    explains = context.clusters.endpoints
    if cluster.domain is None or cluster.is_named_by_rds:
        return False
    bare = {
        name
        for name in reading.peers.values()
        if name and explains.is_explained_by_bare_name(name, cluster.domain)
    }
    if bare and answers_elsewhere(reading, context.tracker.tracks(cluster), bare):
        cluster.is_named_by_rds = True
    return cluster.is_named_by_rds


def is_of_another_cluster(
    reading: Reading, cluster: Cluster, context: AgentContext, *, by_endpoint: bool
) -> bool:
    """Return whether the host, or a name, that was asked leads to another cluster than before.

    A cluster endpoint of RDS may lead to the instances that took the place of all others, as
    after a blue/green switchover: once the former writer has answered that it is none.

    Args:
        reading: what was answered.
        cluster: the one that was to be read.
        context: what knows its open connections.
        by_endpoint: whether the application connected through a cluster endpoint of RDS last.
    """
    if (verdict := reading.verdict) is not None and (
        verdict.renamed or (verdict.denied and by_endpoint)
    ):
        return False
    if not reading.instances:
        # Nothing was answered that could be true of another cluster.
        return False
    if verdict is None and _is_of_a_moved_name(reading, cluster):
        return True
    claim = Claim.of_reading(reading, has_view=cluster.view)
    how = relation(cluster, claim)
    if how is not Relation.SAME and leads_to_writer(reading, context.tracker.tracks(cluster)):
        return False
    if how is Relation.UNDECIDED and not claim.is_own:
        # What a reader lists that has moved to another cluster is not to be learnt.
        return cluster.detector.writer is not None
    return how is Relation.OTHER


def _is_of_a_moved_name(reading: Reading, cluster: Cluster) -> bool:
    """Return whether a member's name has moved, so that its new cluster's list was answered.

    That lists the name and a writer that was no member. Learnt, it would make a member of that
    writer, whose claim would be believed the next time.
    """
    members, named = cluster.members.keys(), reading.named
    if not cluster.view or named is None or named in members:
        return False
    writer = cluster.detector.writer
    return writer is not None and not goes_with(
        frozenset(reading.instances), named, writer, members
    )
