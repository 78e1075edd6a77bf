"""The state of one refresh while it is under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aurora_otel.discovery.asking import Asking
from aurora_otel.discovery.plan import Plan
from aurora_otel.discovery.source import TopologySource
from aurora_otel.discovery.targets import Beforehand

if TYPE_CHECKING:
    from aurora_otel.runtime.mailbox import Mailbox


@dataclass(slots=True)
class Course:
    """One refresh under way.

    Attributes:
        plan: whom it asks.
        beforehand: what is known before it.
        source: how they are asked.
        statement: the question.
        budget: seconds for the whole of it.
        until: when it ends, in seconds of the monotonic clock.
        silence: seconds for which one that is silent is left alone.
        ended: those that have an answer or an error; `None` wakes the refresh.
        asking: those that are being asked.
        next_start: when another one may be asked beside one that has not answered.
        took: seconds that the slowest answer took.
        was_silent: whether a target was out of time.
    """

    plan: Plan
    beforehand: Beforehand
    source: TopologySource
    statement: str
    budget: float
    until: float
    silence: float
    ended: Mailbox[Asking | None]
    asking: list[Asking] = field(default_factory=list)
    next_start: float = float("-inf")
    took: float = 0.0
    was_silent: bool = False
