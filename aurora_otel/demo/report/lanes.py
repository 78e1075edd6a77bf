"""What happened over time, as lanes: writes by their outcome, connections by their instance."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from aurora_otel.demo.recording import Call, Operation, Outcome
from aurora_otel.demo.report.model import Kind, Lane, Step
from aurora_otel.demo.report.words import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aurora_otel.demo.recording import Recording

BIN = 0.25
"""Seconds a step of the lanes of writes; a step begins where the failover does."""

_OUTCOMES = {
    Outcome.OK: (Kind.ACCEPTED, "accepted"),
    Outcome.REFUSED: (Kind.REFUSED, "refused: read-only"),
    Outcome.CLOSED: (Kind.LOST, "connection lost"),
    Outcome.FAILED: (Kind.FAILED, "failed otherwise"),
}
_PER_BIN = ("writes", f"per {BIN} s")
_ALWAYS = {Kind.ACCEPTED, Kind.REFUSED, Kind.LOST}


def span(run: Recording) -> tuple[float, float]:
    """Return when `run` began to be watched and when it ended, in whole steps."""
    began = run.switch.began
    start = math.floor((run.started - began) / BIN) * BIN
    return start, math.ceil((run.ended - began) / BIN) * BIN


def writes(run: Recording) -> tuple[Lane, ...]:
    """Return a lane for each way in which writes of `run` ended, and one for those that waited.

    Only what rare runs have (`failed otherwise`, `waiting`) is left out where it is nought.
    """
    lanes = []
    for outcome, (kind, name) in _OUTCOMES.items():
        ended = [_seconds(run, call.end) for call in run.writes if call.outcome is outcome]
        if ended or kind in _ALWAYS:
            steps = _per_bin(ended, span(run))
            lanes.append(Lane(kind, name, count(len(ended), "write"), _PER_BIN, steps))
    if (waiting := _waiting(run)) is not None:
        lanes.append(waiting)
    return tuple(lanes)


def connections(run: Recording) -> tuple[Lane, ...]:
    """Return a lane for each instance: the application's sessions there.

    For those that are not identified at once, too: an agent counts them as `unknown` meanwhile.
    """
    kinds = {run.switch.old_writer: Kind.OLD_WRITER, run.switch.new_writer: Kind.NEW_WRITER}
    remarks = {Kind.OLD_WRITER: " (old writer)", Kind.NEW_WRITER: " (new writer)", Kind.READER: ""}
    untils = [*(sample.at for sample in run.samples), run.ended][1:]
    seen = (name for sample in run.samples for name in sample.sessions)
    lanes = []
    for instance in dict.fromkeys([*run.sessions, *seen]):
        kind = kinds.get(instance, Kind.READER)
        steps = [
            Step(_seconds(run, sample.at), _seconds(run, until), sample.sessions.get(instance, 0))
            for sample, until in zip(run.samples, untils, strict=True)
        ]
        total = f"{count(run.sessions.get(instance, 0), 'session')} in the end"
        name = f"{instance}{remarks[kind]}"
        lanes.append(Lane(kind, name, total, ("sessions",), tuple(steps)))
    return tuple(lanes)


def _seconds(run: Recording, moment: float) -> float:
    return moment - run.switch.began


def _per_bin(moments: Iterable[float], within: tuple[float, float]) -> tuple[Step, ...]:
    start, end = within
    last = round((end - start) / BIN) - 1
    # What is before or after belongs to the first or last step: the steps add up to the total.
    counted = Counter(min(max(math.floor((at - start) / BIN), 0), last) for at in moments)
    return tuple(
        Step(start + number * BIN, start + (number + 1) * BIN, counted[number])
        for number in range(last + 1)
    )


def _waiting(run: Recording) -> Lane | None:
    start, end = span(run)
    edges = [start + number * BIN for number in range(round((end - start) / BIN) + 1)]
    calls = [call for call in run.writes if call.end - call.start >= BIN]
    steps = tuple(
        Step(here, there, _throughout(run, calls, here, there)) for here, there in pairwise(edges)
    )
    most = max((step.count for step in steps), default=0)
    if not most:
        return None
    total = f"up to {count(most, 'write')}"
    return Lane(Kind.WAITING, "waiting for an answer", total, ("writes",), steps)


def _throughout(run: Recording, calls: Sequence[Call], start: float, end: float) -> int:
    """Return how many of `calls` were in flight from `start` to `end`, or had not returned."""
    return sum(
        call.operation is Operation.WRITE
        and _seconds(run, call.start) <= start
        and (call.in_flight or _seconds(run, call.end) >= end)
        for call in calls
    )
