"""Notes on exceptions (PEP 678): what a driver's error has to do with a failover.

The error itself stays the driver's: its type, its arguments and its message. A note holds nothing
but what metrics show as well, the names of cluster and instances, and times.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from aurora_otel.model.topology import Role

_PREFIX = "aurora-otel: "


class Event(str, Enum):
    """What the application met."""

    WRITE_REFUSED = "write refused"
    SHUT_DOWN = "connection was shut down as stale"
    LOST = "connection lost"
    CONNECT_FAILED = "connect failed"


class Decision(NamedTuple):
    """What is known of the writer.

    Attributes:
        writer: the instance that confirmed itself; `None`: none has, since the first symptom.
        seconds: how long ago that was.
    """

    writer: str | None
    seconds: float

    def __str__(self) -> str:
        if self.writer is None:
            return (
                f"no writer has confirmed itself since the first symptom, {self.seconds:.2f} s ago"
            )
        return f"{self.writer} confirmed itself as the writer {self.seconds:.2f} s ago"


class Incident(NamedTuple):
    """An error that reaches the application because of a failover.

    Attributes:
        event: what the application met.
        cluster: the cluster's name in telemetry.
        decision: what is known of the writer.
        instance: the name of the instance that the connection led to; empty: it led to none.
        role: that instance's role by what is known now.
        is_closed: whether the agent has shut the connection down.
    """

    event: Event
    cluster: str
    decision: Decision
    instance: str = ""
    role: Role = Role.UNKNOWN
    is_closed: bool = False

    def __str__(self) -> str:
        place = f"cluster {self.cluster}"
        if self.instance:
            place += f", instance {self.instance}, role {self.role.value}"
        text = f"{_PREFIX}{self.event.value} ({place}): {self.decision}"
        if self.is_closed and self.event is not Event.SHUT_DOWN:
            text += "; this connection has been shut down"
        return text


def attach(error: BaseException, incident: Incident) -> None:
    """Add a note to `error`, unless it has one: an error passes several calls of a driver.

    CPython 3.10 has no notes.
    """
    add = getattr(error, "add_note", None)
    notes = getattr(error, "__notes__", ())
    if add is not None and not any(str(note).startswith(_PREFIX) for note in notes):
        add(str(incident))
