"""The ways in which a cluster gets another writer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Failover(str, Enum):
    """What becomes of the old writer."""

    CRASH = "crash"  # dies with all its connections
    SWITCHOVER = "switchover"  # stays up, keeps its sessions and refuses writes
    HANG = "hang"  # stops answering, and its sockets stay open


@dataclass(frozen=True, slots=True)
class Switch:
    """A failover that took place; times are `time.monotonic()`, in seconds.

    Attributes:
        kind: what became of the old writer.
        old_writer: the instance that was the writer.
        new_writer: the instance that is the writer now.
        began: when it began.
        published: when the topology named the new writer; None when it was not published.
        refused: from when on the old writer refused writes; None when it does not answer at all.
    """

    kind: Failover
    old_writer: str
    new_writer: str
    began: float
    published: float | None
    refused: float | None
