"""Failed writes, those of one kind together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_otel.demo.recording import Call, ClientKind, Outcome
from aurora_otel.demo.report.model import Failures

if TYPE_CHECKING:
    from aurora_otel.demo.recording import Recording

_OUTCOMES = {
    Outcome.REFUSED: "refused",
    Outcome.CLOSED: "connection lost",
    Outcome.FAILED: "failed otherwise",
    Outcome.IN_FLIGHT: "never answered",
}
_CLIENTS = {
    ClientKind.WRITER: "writing threads",
    ClientKind.IDLE: "idle connections",
    ClientKind.FRESH: "fresh connections",
}


def failures(run: Recording) -> tuple[Failures, ...]:
    """Return the writes of `run` that failed, by how they failed and for whom.

    The time of one that was never answered is when it began.
    """
    groups: dict[tuple[Outcome, ClientKind, str], list[float]] = {}
    for call in run.writes:
        if call.outcome in _OUTCOMES:
            key = (call.outcome, call.kind, call.error)
            groups.setdefault(key, []).append(_when(call) - run.switch.began)
    return tuple(
        Failures(_OUTCOMES[outcome], _CLIENTS[kind], error, len(when), min(when), max(when))
        for (outcome, kind, error), when in sorted(
            groups.items(), key=lambda group: (list(_OUTCOMES).index(group[0][0]), min(group[1]))
        )
    )


def _when(call: Call) -> float:
    return call.start if call.in_flight else call.end
