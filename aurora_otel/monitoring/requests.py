"""What a refresh is asked for with, and what came of it, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from opentelemetry.context import Context

from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Answer, Source
from aurora_otel.runtime.gate import Gate

NEVER = float("-inf")


class Heard(NamedTuple):
    """What an instance said on a connection that the application has just opened.

    Attributes:
        answer: what it said.
        at: when the application began to connect, in seconds of the monotonic clock.
        peer: the network address at the other end of the connection.
    """

    answer: Answer
    at: float
    peer: Address | None = None


class Trigger(NamedTuple):
    """What a refresh is started with.

    Attributes:
        context: of the call that refreshes; empty for the background loop.
        suspect: the instance that showed a symptom: asked last.
        hint: the instance that something names as the writer: asked first.
        stuck: whether a call that does not return is the reason.
        source: where the hint is from.
        heard: what an instance said on the application's own new connection.
        slow: a host whose server was slow, and is to be asked over a connection of the agent's own.
    """

    context: Context
    suspect: str | None = None
    hint: str | None = None
    stuck: bool = False
    source: Source = Source.SQL
    heard: Heard | None = None
    slow: Address | None = None


class RefreshOutcome(NamedTuple):
    """What came of a refresh.

    Attributes:
        began: when its reading began, in seconds of the monotonic clock.
        confirmed: whether a writer confirmed itself.
        changed: whether that was another writer.
        heard_all: whether all were heard before it was believed: then the reading took a while, and
            answers no request that was made meanwhile.
    """

    began: float
    confirmed: bool
    changed: bool
    heard_all: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What a caller wants of the worker; without times, one refresh, whatever comes of it.

    Attributes:
        trigger: what to refresh with.
        since: a reading that began at or after this time is an answer.
        until: refreshes are repeated until then.
        is_hint: whether a refresh with this very trigger is wanted.
        gate: where the caller waits.
    """

    trigger: Trigger
    since: float = NEVER
    until: float = NEVER
    is_hint: bool = False
    gate: Gate = field(default_factory=Gate)
