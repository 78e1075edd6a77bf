"""What a report says. Times are seconds since the failover began, negative before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from aurora_otel.demo.promises import Control, Promise

Value: TypeAlias = "float | str | tuple[str, ...] | None"


class Kind(str, Enum):
    """What a lane counts; it decides the colour."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    LOST = "lost"
    FAILED = "failed"
    WAITING = "waiting"
    OLD_WRITER = "old-writer"
    NEW_WRITER = "new-writer"
    READER = "reader"


class MomentKind(str, Enum):
    """What happened; it decides how its line is dashed, in every graphic alike."""

    FAILOVER = "failover"
    PUBLISHED = "published"
    VERDICT = "verdict"
    IDLE_USED = "idle-used"
    RDS = "rds"


@dataclass(frozen=True)
class Step:
    """`count` of something between two times."""

    start: float
    end: float
    count: int


@dataclass(frozen=True)
class Lane:
    """One row of a graphic over time: how many of something there were, when.

    Args:
        kind: What is counted.
        name: What it is called.
        total: What it adds up to, or ends with, in words.
        unit: Of the counts, in one or two short lines.
        steps: How many there were, without gaps.
    """

    kind: Kind
    name: str
    total: str
    unit: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Moment:
    """Something that happened at one moment."""

    at: float
    what: str
    kind: MomentKind


@dataclass(frozen=True)
class Failures:
    """Writes that failed in one and the same way."""

    outcome: str
    client: str
    error: str
    count: int
    first: float
    last: float


@dataclass(frozen=True)
class SpanBar:
    """A span of the waterfall; `attributes` as a person reads them."""

    name: str
    remark: str
    depth: int
    start: float
    end: float
    attributes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Run:
    """One run.

    Args:
        name: As in the JSON: `without`, `with`, ….
        title: What it is, for a heading.
        command: What was run.
        start: When it began to be watched.
        end: When it ended.
        moments: What happened, in the order of time.
        writes: A lane for each way in which writes ended, and one for those that waited.
        bin_seconds: The width of the steps of `writes`.
        connections: A lane for each instance.
        failures: The writes that failed.
        spans: The failover's spans, in their order; none without the agent.
        settings: What was set for the agent, by the setting's name; `None` without the agent.
    """

    name: str
    title: str
    command: str
    start: float
    end: float
    moments: tuple[Moment, ...]
    writes: tuple[Lane, ...]
    bin_seconds: float
    connections: tuple[Lane, ...]
    failures: tuple[Failures, ...]
    spans: tuple[SpanBar, ...]
    settings: Mapping[str, str] | None


@dataclass(frozen=True)
class Figure:
    """One figure of every run that has it.

    Args:
        key: Its path in the JSON, without the run's name.
        label: What it is.
        unit: In what it is counted or measured; empty for words.
        absent: What `None` means: `never`, or that there was none.
        values: By the run's name.
        main: Whether it belongs to the summary.
    """

    key: str
    label: str
    unit: str
    absent: str
    values: Mapping[str, Value]
    main: bool = False


@dataclass(frozen=True)
class Fact:
    """Something to know about how the report was made."""

    name: str
    value: str


@dataclass(frozen=True)
class Report:
    """A whole report.

    Args:
        title: Its heading.
        story: What was done to the cluster, in a sentence or two.
        explanation: Why the figures are as they are; empty where nothing has to be explained.
        made: When the runs began.
        cluster: How the cluster is called in telemetry.
        counted: Who counted the connections per instance, and how.
        runs: The runs; all of them share their axis of time.
        figures: What they amount to.
        promises: What was promised, and whether it held.
        controls: What the run without the agent had to show, and whether it did.
        facts: Workload and versions.
        command: What makes such a report again.
    """

    title: str
    story: str
    explanation: str
    made: datetime
    cluster: str
    counted: str
    runs: tuple[Run, ...]
    figures: tuple[Figure, ...]
    promises: tuple[Promise, ...]
    controls: tuple[Control, ...]
    facts: tuple[Fact, ...]
    command: str

    @property
    def broken(self) -> int:
        """How many promises did not hold."""
        return sum(not promise.kept for promise in self.promises)

    @property
    def not_shown(self) -> int:
        """How many controls did not show what they had to."""
        return sum(not control.shown for control in self.controls)

    @property
    def span(self) -> tuple[float, float]:
        """From the first run's beginning to the last one's end."""
        return min(run.start for run in self.runs), max(run.end for run in self.runs)
