"""Which instance did a new connection land on?

The dialogue with the server as a generator: statements come out, rows go in, so that threads and
an event loop can drive one and the same logic. What was learnt of the server behind a `host:port`
is remembered: a plain server is probed once in a process, a pooler is never asked again.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum

from aurora_otel.discovery.source import Dialect, NoAnswerError, Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Answer

# A server that did not answer in time is not asked again for so many seconds.
SILENCE = 60.0
# Nor one that refused even the probe, which no PostgreSQL and no MySQL in good order does.
REFUSAL = 600.0


class Kind(Enum):
    """What is behind a `host:port`."""

    AURORA = "aurora"
    PLAIN = "plain"
    POOLER = "pooler"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Surface:
    """What is known of the server behind a `host:port`.

    Attributes:
        kind: what it is.
        view: whether its topology can be read.
        until: when this is forgotten again, in seconds of the monotonic clock.
    """

    kind: Kind
    view: bool = False
    until: float = float("inf")

    @property
    def can_answer(self) -> bool:
        """Whether asking it is of any use."""
        return self.kind is Kind.AURORA


class Surfaces:
    """What is known of each server that this process has met.

    Read and written from hooks, without a lock: each step is one atomic operation on a dict.
    """

    def __init__(self) -> None:
        self._known: dict[Address, Surface] = {}

    def get(self, address: Address, now: float) -> Surface | None:
        """Return what is known of the server at `address`, if anything is."""
        known = self._known.get(address)
        return known if known is not None and now < known.until else None

    def learn(self, address: Address, surface: Surface) -> None:
        """Remember `surface`; a pooler stays one, whatever one of its servers said."""
        known = self._known.get(address)
        if known is None or known.kind is not Kind.POOLER:
            self._known[address] = surface


Dialogue = Generator[str, Rows, tuple[Surface, "Answer | None"]]


def dialogue(dialect: Dialect, surface: Surface | None, backend_id: str | None) -> Dialogue:
    """Ask a server who it is: yields statements, is sent rows, returns what came of it.

    Args:
        dialect: how its database system is asked.
        surface: what is known of it already.
        backend_id: the session's number as the login handed it out. An answer from another
            session gives a pooler away.
    """
    plain = Surface(Kind.PLAIN)
    if surface is None:
        try:
            probe = dialect.parse_probe((yield dialect.probe))
        except NoAnswerError:
            return plain, None
        if backend_id is not None and probe.backend_id != backend_id:
            return Surface(Kind.POOLER), None
        surface = Surface(Kind.AURORA, probe.view) if probe.identity else plain
    if not surface.can_answer:
        return surface, None
    try:
        answer = dialect.parse_answer((yield dialect.question(view=surface.view)))
    except NoAnswerError:
        return surface, None
    if backend_id is not None and answer.backend_id != backend_id:
        return Surface(Kind.POOLER), None
    return surface, answer
