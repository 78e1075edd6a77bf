"""The records of the three signals as frozen dataclasses with plain Python values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Value: TypeAlias = "str | bool | int | float | bytes | Sequence[Value] | Mapping[str, Value] | None"
"""An attribute's value or a log record's body; arrays are tuples."""

Attributes: TypeAlias = Mapping[str, Value]


class SpanKind(str, Enum):
    """The kind of a span, by its name in the specification."""

    UNSPECIFIED = "unspecified"
    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class SpanStatus(str, Enum):
    """The status code of a span."""

    UNSET = "unset"
    OK = "ok"
    ERROR = "error"


class MetricKind(str, Enum):
    """What a metric's points are."""

    SUM = "sum"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Temporality(str, Enum):
    """Whether a point counts from the process's start or from the export before."""

    CUMULATIVE = "cumulative"
    DELTA = "delta"


@dataclass(frozen=True)
class Scope:
    """The instrumentation scope: a tracer's, meter's or logger's name and version."""

    name: str
    version: str


@dataclass(frozen=True)
class Event:
    """An event of a span; `time_ns` is Unix time in nanoseconds."""

    name: str
    time_ns: int
    attributes: Attributes


@dataclass(frozen=True)
class Link:
    """A link from one span to another; ids are lower-case hex."""

    trace_id: str
    span_id: str
    attributes: Attributes


@dataclass(frozen=True)
class Span:
    """A finished span; ids are lower-case hex, times Unix time in nanoseconds.

    `parent_id` is `None` for a root.
    """

    name: str
    kind: SpanKind
    trace_id: str
    span_id: str
    parent_id: str | None
    start_ns: int
    end_ns: int
    attributes: Attributes
    events: tuple[Event, ...]
    links: tuple[Link, ...]
    status: SpanStatus
    status_message: str
    scope: Scope
    resource: Attributes

    @property
    def seconds(self) -> float:
        """How long the span lasted, in seconds."""
        return (self.end_ns - self.start_ns) / 1e9


@dataclass(frozen=True)
class Histogram:
    """A histogram's point; `counts` has one entry more than `bounds`."""

    count: int
    sum: float
    bounds: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class MetricPoint:
    """One series' value in one export.

    `export` numbers the requests that brought metrics, from 0. `value` is there for sums and
    gauges, `histogram` for histograms. `monotonic` is false, `temporality` `None` where the kind
    has none. Times are Unix time in nanoseconds.
    """

    export: int
    name: str
    unit: str
    description: str
    kind: MetricKind
    monotonic: bool
    temporality: Temporality | None
    attributes: Attributes
    value: float | None
    histogram: Histogram | None
    start_ns: int
    time_ns: int
    scope: Scope
    resource: Attributes


@dataclass(frozen=True)
class LogRecord:
    """A log record; `scope.name` is the logger's name, ids are `None` outside a span."""

    time_ns: int
    severity: str
    severity_number: int
    body: Value
    attributes: Attributes
    event_name: str
    trace_id: str | None
    span_id: str | None
    scope: Scope
    resource: Attributes

    @property
    def logger(self) -> str:
        """Name of the logger."""
        return self.scope.name
