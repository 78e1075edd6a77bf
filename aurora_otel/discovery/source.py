"""How a database system is asked who it is.

Pure: statements out, rows in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aurora_otel.model.topology import Answer, Member, Role, View

Rows = Sequence[Sequence[str | None]]

# What RDS allows as an identifier; anything else in an answer is no instance's name.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{0,62}")
# Aurora has 16 instances at most; rows beyond this are no Aurora's.
MOST_ROWS = 128
# The session of the writer's own row, on every Aurora.
_MASTER = "MASTER_SESSION_ID"


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


def answer(rows: Rows, roles: Mapping[str, Role]) -> Answer:
    """Read the rows of a `question`.

    Args:
        rows: instance, role and backend id, the same in each; where the view was asked for, then a
            member's identifier, its session, and the age of its row in seconds.
        roles: what the values of the role mean.

    Raises:
        NoAnswerError: they make no sense.
    """
    if not rows or len(rows[0]) not in (3, 6):
        raise NoAnswerError("not the columns that were asked for")
    instance, role, backend_id = rows[0][:3]
    if not isinstance(backend_id, str) or not backend_id:
        raise NoAnswerError("no backend id")
    if not isinstance(role, str) or role not in roles:
        raise NoAnswerError("no role")
    view = View.of(_members(rows)) if len(rows[0]) == 6 else None  # noqa: PLR2004 - as above
    return Answer(identifier(instance), roles[role], backend_id, view)


def _members(rows: Rows) -> list[Member]:
    members = []
    for row in rows[:MOST_ROWS]:
        try:
            # The writer's own row may have no timestamp.
            name, age = identifier(row[3]), float(row[5] or 0.0)
        except (ValueError, TypeError, IndexError):
            continue
        if math.isfinite(age):
            members.append(Member(name, row[4] == _MASTER, age))
    return members
