"""Which instance did a new connection land on?

The dialogue with the server as a generator: statements come out, rows go in, so that threads and
an event loop can drive one and the same logic.
"""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum
from typing import NamedTuple

from aurora_otel.discovery.source import NoAnswerError, Rows, System, TopologySource
from aurora_otel.model.topology import Answer

# A server that refused a question is not asked again for so many seconds.
REFUSAL = 60.0
# Nor one that refused even the probe, which no PostgreSQL and no MySQL in good order does.
PROBE_REFUSAL = 600.0


class RefusedError(Exception):
    """Thrown into a dialogue: the server refused the statement; the connection still works."""


class Kind(Enum):
    """What is behind a `host:port`."""

    INSTANCE = "instance"
    PLAIN = "plain"
    POOLER = "pooler"
    REFUSING = "refusing"


class Server(NamedTuple):
    """What is known of the server behind a `host:port`.

    Attributes:
        kind: what it is.
        source: the kind of cluster that it is an instance of.
        view: whether its topology can be read.
        until: when this is forgotten again, in seconds of the monotonic clock.
        max_connections: how many connections it allowed when it was recognised, if it said so.
    """

    kind: Kind
    source: TopologySource | None = None
    view: bool = False
    until: float = float("inf")
    max_connections: int | None = None

    @property
    def can_answer(self) -> bool:
        """Whether asking it is of any use."""
        return self.kind is Kind.INSTANCE


Dialogue = Generator[str, Rows, tuple[Server, "Answer | None"]]


def dialogue(  # noqa: PLR0913 - all that is known of a server
    system: System,
    server: Server | None,
    backend_id: str | None,
    now: float,
    *,
    is_member: bool = False,
    is_single: bool = False,
) -> Dialogue:
    """Ask a server who it is: yields statements, is sent rows, returns what came of it.

    Args:
        system: how its database system is asked.
        server: what is known of it already.
        backend_id: the session's number as the login handed it out. An answer from another
            session gives a pooler away.
        now: seconds of the monotonic clock.
        is_member: whether it is known as a member of a cluster, whatever it shows by itself.
        is_single: whether its name is one behind which is one server at a time.

    Raises:
        RefusedError: never: thrown in, it is an answer.
    """
    if server is None:
        server = yield from _probe(
            system, backend_id, now, is_member=is_member, is_single=is_single
        )
    if server.source is None:
        return server, None
    try:
        rows = yield server.source.question(view=server.view)
    except RefusedError:
        if not server.view:
            return Server(Kind.REFUSING, until=now + REFUSAL), None
        # Not every server says beforehand that its view may not be read.
        viewless = server._replace(view=False, until=now + REFUSAL)
        return (yield from dialogue(system, viewless, backend_id, now))
    try:
        answer = server.source.parse_answer(rows)
    except NoAnswerError:
        return server, None
    if backend_id is not None and answer.backend_id != backend_id:
        return Server(Kind.POOLER), None
    return server, answer


def _probe(
    system: System, backend_id: str | None, now: float, *, is_member: bool, is_single: bool
) -> Generator[str, Rows, Server]:
    """Ask a server what kind it is."""
    try:
        probe = system.parse_probe((yield system.probe), is_single=is_single)
    except RefusedError:
        return Server(Kind.REFUSING, until=now + PROBE_REFUSAL)
    except NoAnswerError:
        return Server(Kind.PLAIN)
    match = probe.match
    if backend_id not in (None, probe.backend_id) or (match and match.is_router):
        return Server(Kind.POOLER)
    if match is None or not (match.is_certain or is_member):
        return Server(Kind.PLAIN)
    limit = probe.max_connections
    return Server(Kind.INSTANCE, match.source, match.view, max_connections=limit)
