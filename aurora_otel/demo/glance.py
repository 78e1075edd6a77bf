"""A run at a glance while it goes on: what the live view shows of a timeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aurora_otel.demo.recording import Call, Operation, Outcome, Phase, Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

LONG = 1.0
"""Seconds after which a call in flight is worth showing."""


@dataclass(frozen=True)
class Glance:
    """A run so far.

    Args:
        name: The run's name.
        phase: Where it is.
        seconds: Since the application had its connections; 0 before.
        writer: The writer of the topology, if it was refreshed.
        sessions: Sessions of the application per instance.
        succeeded: Accepted writes in each second so far.
        failed: Failed writes in each second so far, on lost connections or otherwise.
        refused_writes: Writes that failed while their connection lived.
        closed_writes: Writes that failed because the connection was lost.
        waiting: Calls in flight for longer than `LONG` seconds.
    """

    name: str
    phase: Phase
    seconds: float
    writer: str | None
    sessions: Mapping[str, int]
    succeeded: tuple[int, ...]
    failed: tuple[int, ...]
    refused_writes: int
    closed_writes: int
    waiting: int


def glance(timeline: Timeline, now: float) -> Glance:
    """Return `timeline` at a glance; `now` is the monotonic time."""
    started, samples = timeline.started, timeline.samples
    seconds = 0.0 if started is None else now - started
    succeeded, failed = ([0] * (int(seconds) + 1) for _ in range(2))
    refused_writes = closed_writes = 0
    for call in timeline.calls:
        if call.operation is not Operation.WRITE or started is None:
            continue
        second = max(0, int(call.end - started))
        if call.outcome is Outcome.OK:
            _count(succeeded, second)
        else:
            _count(failed, second)
            if call.outcome is Outcome.CLOSED:
                closed_writes += 1
            else:
                refused_writes += 1
    return Glance(
        name=timeline.name,
        phase=timeline.phase,
        seconds=seconds,
        writer=samples[-1].writer if samples else None,
        sessions=samples[-1].sessions if samples else {},
        succeeded=tuple(succeeded),
        failed=tuple(failed),
        refused_writes=refused_writes,
        closed_writes=closed_writes,
        waiting=sum(_long(call) for call in timeline.in_flight),
    )


def _count(per_second: list[int], second: int) -> None:
    if second < len(per_second):
        per_second[second] += 1


def _long(call: Call) -> bool:
    return call.end - call.start > LONG
