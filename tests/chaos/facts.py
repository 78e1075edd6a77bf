"""What the application reports of itself, as lines of JSON.

All times are seconds of the monotonic clock, which processes on one Linux host share.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import get_args


@dataclass(frozen=True, slots=True)
class Wrote:
    """A write was accepted.

    Attributes:
        at: when the server had said so.
        begun: when its transaction was begun, before anything was sent.
        instance: the instance that accepted it, by its own word.
        tracked: where the agent took the connection to lead.
    """

    at: float
    begun: float
    instance: str
    tracked: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The agent learnt who the writer is.

    Attributes:
        at: when.
        began: when the reading began that said so.
        cluster: which of the agent's clusters.
        writer: the instance.
        confirmed: whether that was a verdict.
    """

    at: float
    began: float
    cluster: int
    writer: str
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Handed:
    """The agent handed a new connection over.

    Attributes:
        at: when.
        began: when the application's connect began.
        cluster: which of the agent's clusters.
        instance: where the connection leads.
        endpoint: how it was opened; as of `Shut`.
        role: what its instance said of itself.
    """

    at: float
    began: float
    cluster: int
    instance: str
    endpoint: str
    role: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A write was refused first on a connection, where instances restart to become readers.

    Attributes:
        at: when.
        instance: where the connection leads.
        host: the host and port that the application connected to.
    """

    at: float
    instance: str
    host: str


@dataclass(frozen=True, slots=True)
class Shut:
    """The agent shut a connection down.

    Attributes:
        at: when.
        began: when the reading began on whose verdict it did.
        cluster: which of the agent's clusters.
        instance: where the connection leads.
        endpoint: how it was opened: `writer`, `reader`, `custom`, `instance` or `other`.
        role: what its instance said of itself when it was opened.
        opened_at: when that was.
        refused: whether a write on it was refused.
        host: the host and port that the application connected to.
    """

    at: float
    began: float
    cluster: int
    instance: str
    endpoint: str
    role: str
    opened_at: float
    refused: bool
    host: str = ""


@dataclass(frozen=True, slots=True)
class Balance:
    """The agent's books.

    Attributes:
        at: when.
        opens: connections opened; the others are what became of them.
        open: connections open.
        closes: closed by the application.
        prunes: pruned.
        invalidated: shut down by the agent.
        received: how many connections the application had received shortly before.
        given_up: how many it gave up, by cancelling a connect, that had been opened.
        final: whether all of them have been closed or dropped.
    """

    at: float
    opens: int
    open: int
    closes: int
    prunes: int
    invalidated: int
    received: int
    given_up: int = 0
    final: bool = False


@dataclass(frozen=True, slots=True)
class Raised:
    """Something was raised where it must not be.

    Attributes:
        at: when.
        where: in which call, thread or part of the agent.
        error: what.
        trace: from where.
    """

    at: float
    where: str
    error: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """What there was before the agent and the load, and after them.

    Attributes:
        at: when.
        what: what is counted.
        before: how many, at the beginning.
        after: how many, at the end.
        names: what is there at the end, if that has names.
    """

    at: float
    what: str
    before: int
    after: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of the application's calls, and of the agent's doings: how often each."""

    at: float
    counts: Mapping[str, int] = field(default_factory=dict)


Fact = Wrote | Known | Handed | Refused | Shut | Balance | Raised | Left | Tally
_KINDS = {kind.__name__: kind for kind in get_args(Fact)}


def encode(fact: Fact) -> str:
    """Return a fact as a line of JSON."""
    return json.dumps({"fact": type(fact).__name__, **asdict(fact)})


def decode(line: str) -> Fact:
    """Return the fact of a line."""
    fields = json.loads(line)
    return _KINDS[fields.pop("fact")](**fields)


def renamed(fact: Fact, instances: Mapping[str, str]) -> Fact:
    """Return a fact with other names of instances, by those that it has."""
    names = {
        name: instances.get(value, value)
        for name in ("instance", "tracked", "writer")
        if (value := getattr(fact, name, None)) is not None
    }
    return replace(fact, **names) if names and instances else fact
