"""How a database system is asked who it is.

Pure: statements out, rows in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aurora_otel.topology import Answer

Rows = Sequence[Sequence[str | None]]

# What RDS allows as an identifier; anything else in an answer is no instance's name.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{0,62}")
# Aurora has 16 instances at most; rows beyond this are no Aurora's.
MOST_ROWS = 128


class NoAnswerError(ValueError):
    """The rows are not what an Aurora answers."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a server showed of itself without being asked anything that it might not know.

    Attributes:
        backend_id: the server's own number for the session that was asked.
        identity: whether the session may ask for the instance's identifier.
        view: whether it may read the topology.
    """

    backend_id: str
    identity: bool
    view: bool


class Dialect(Protocol):
    """One database system's ways."""

    probe: str
    """A statement that no server of this system refuses."""

    def parse_probe(self, rows: Rows) -> Probe:
        """Read the rows of `probe`; raise `NoAnswerError` if they make no sense."""

    def question(self, *, view: bool) -> str:
        """Return the one statement for instance, role and backend id, and the view if wanted."""

    def parse_answer(self, rows: Rows) -> Answer:
        """Read the rows of `question`; raise `NoAnswerError` if they make no sense."""


def identifier(value: str | None) -> str:
    """Return `value` as an instance identifier, or raise `NoAnswerError`."""
    name = value.lower() if isinstance(value, str) else ""
    if not _IDENTIFIER.fullmatch(name):
        raise NoAnswerError("not an instance identifier")
    return name
