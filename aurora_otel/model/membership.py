"""Whether a list of instances goes with what is known of a cluster.

Pure. Instances are known by their names, and a name may have moved to another cluster: its instance
was deleted here and created there. So one name that both sides know shows little.
"""

from __future__ import annotations

from collections.abc import Set


def goes_with(
    listed: Set[str], claimant: str | None, writer: str | None, members: Set[str]
) -> bool:
    """Return whether a list shows that its author is a member of a cluster, by itself.

    For some minutes, the list of a new writer has the former one (`topology.GONE_AFTER`). Later it
    has the others, or most of them. The former one alone shows nothing, where neither the author
    nor any other that it lists was a member: that name may have moved to another cluster, which
    lists it as well.

    Args:
        listed: the instances that a writer lists.
        claimant: the one that lists them.
        writer: the cluster's known writer.
        members: the instances that it listed.
    """
    others = listed - {claimant}
    shared = (listed & members) - {writer}
    if writer in listed:
        return bool(shared) or claimant == writer or members <= {writer}
    return 2 * len(others & members) > len(others)
