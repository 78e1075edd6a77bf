"""What both kinds of Aurora answer: the same rows, whatever the statement."""

from __future__ import annotations

import math
from collections.abc import Mapping

from aurora_otel.discovery.source import MOST_ROWS, NoAnswerError, Rows, identifier
from aurora_otel.model.topology import Answer, Member, Role, View

# The session of the writer's own row.
_MASTER = "MASTER_SESSION_ID"


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
