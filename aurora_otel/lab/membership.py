"""What an instance says about the cluster: the rows of its view of the topology."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

WRITER_SESSION_ID = "MASTER_SESSION_ID"


@dataclass(frozen=True, slots=True)
class Member:
    """One row of the view.

    Attributes:
        server_id: the instance's identifier.
        session_id: `MASTER_SESSION_ID` for the writer, a UUID for a reader.
        age: seconds since the row was last updated; None leaves the time stamp empty, as Aurora
            does in the row of the instance that is asked.
        lag_ms: how far the reader lags behind the writer, in milliseconds.
    """

    server_id: str | None
    session_id: str | None
    age: float | None = 0.0
    lag_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """Who is in the cluster, and who of them writes."""

    writer: str
    readers: tuple[str, ...]

    def seen_by(self, instance: str) -> tuple[Member, ...]:
        """Return the rows that Aurora shows on `instance`."""
        return tuple(
            Member(
                server_id=member,
                session_id=WRITER_SESSION_ID if member == self.writer else session_id(member),
                age=None if member == instance else 0.0,
                lag_ms=None if member == self.writer else 12.0,
            )
            for member in (self.writer, *self.readers)
        )


def session_id(instance: str) -> str:
    """Return the UUID that a reader shows as its session, the same one every time."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, instance))


def to_json(rows: Iterable[Member]) -> str:
    """Return the rows as the servers read them."""
    return json.dumps([asdict(row) for row in rows])
