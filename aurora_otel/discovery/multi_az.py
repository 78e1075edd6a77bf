"""What RDS Multi-AZ DB clusters of both systems have in common: how they list their members.

By an id of the member's and an endpoint of RDS. The list lags behind a failover: an instance is the
writer by its own word alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aurora_otel.discovery.source import NoAnswerError, identifier
from aurora_otel.model import endpoints
from aurora_otel.model.topology import Answer, Role, View

# The identifier of an instance, and the domain of its endpoint.
Member = tuple[str, str | None]


def members(listed: Iterable[tuple[str | None, str]]) -> dict[str | None, Member]:
    """Return the members by their ids.

    Args:
        listed: id and endpoint of each.

    Raises:
        NoAnswerError: one has no identifier.
    """
    found: dict[str | None, Member] = {}
    for its_id, host in listed:
        endpoint = endpoints.parse(host, 0)
        # Where the agent logs in, RDS's own names alone decide.
        if endpoint.instance:
            found[its_id] = identifier(endpoint.instance), endpoint.domain
    return found


def answer(
    listed: Mapping[str | None, Member],
    own_id: str | None,
    role: Role,
    backend_id: str,
    *,
    writer_id: str | None = None,
) -> Answer:
    """Return what an instance says, and how it sees the others.

    Args:
        listed: the members by their ids.
        own_id: that of the instance.
        role: its own.
        backend_id: the server's own number for the session.
        writer_id: that of the writer, where the list has it.

    Raises:
        NoAnswerError: the list does not have the instance itself.
    """
    if own_id not in listed:
        raise NoAnswerError("the list does not have the instance that answers")
    instance, domain = listed[own_id]
    named = listed[writer_id][0] if writer_id is not None and writer_id in listed else None
    if role is Role.WRITER:
        named = instance
    elif named == instance:
        named = None
    names = tuple(dict.fromkeys(name for name, _ in listed.values()))
    return Answer(instance, role, backend_id, View(names, named, domain))
