"""What was recorded of one run of the sample application: calls, samples, telemetry.

Times are seconds of `time.monotonic()`, which the runner and the application share.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aurora_otel.collector import Collector, LogRecord, MetricPoint, Span


class Outcome(str, Enum):
    """How a call of the application ended."""

    CONNECTED = "connected"
    CONNECT_FAILED = "connect_failed"
    OK = "ok"
    REFUSED = "refused"  # for the server is no writer; the connection stays in use
    CLOSED = "closed"  # the driver's lost-connection error
    FAILED = "failed"  # any other error
    IN_FLIGHT = "in_flight"  # it had not returned when it was last heard of


class Operation(str, Enum):
    """What a call does."""

    CONNECT = "connect"
    WRITE = "write"


class ClientKind(str, Enum):
    """What a client of the sample application does with its connection."""

    WRITER = "writer"  # writes all the time
    IDLE = "idle"  # uses it once, after the failover
    FRESH = "fresh"  # opens one for each write


@dataclass(frozen=True)
class Call:
    """One connect or write; `end` is when the runner last heard of it while it is in flight."""

    operation: Operation
    client: str
    connection: int
    start: float
    end: float
    outcome: Outcome
    error: str = ""

    @property
    def kind(self) -> ClientKind:
        """Which kind of client made the call."""
        return ClientKind(self.client.partition("-")[0])

    @property
    def in_flight(self) -> bool:
        """Whether it had not returned."""
        return self.outcome is Outcome.IN_FLIGHT

    @classmethod
    def of(cls, report: Mapping[str, Any], **more: Any) -> Call:
        """Return the call that the application reported."""
        fields = {**report, **more}
        fields["operation"] = Operation(fields["operation"])
        fields["outcome"] = Outcome(fields["outcome"])
        return cls(**fields)


@dataclass(frozen=True)
class Sample:
    """Sessions of the application per instance at one moment, and the writer of the topology."""

    at: float
    writer: str
    sessions: Mapping[str, int]


@dataclass(frozen=True)
class Clock:
    """One moment on both clocks, to place spans (Unix nanoseconds) among calls (monotonic)."""

    monotonic: float
    unix_ns: int

    @classmethod
    def now(cls) -> Clock:
        """Read both clocks."""
        return cls(time.monotonic(), time.time_ns())

    def at(self, unix_ns: int) -> float:
        """Return the monotonic time, in seconds, of `unix_ns`: nanoseconds since the epoch."""
        return self.monotonic + (unix_ns - self.unix_ns) / 1e9

    def unix(self, monotonic: float) -> int:
        """Return the Unix time of `monotonic`, in nanoseconds."""
        return self.unix_ns + round((monotonic - self.monotonic) * 1e9)


@dataclass(frozen=True)
class Telemetry:
    """What the application exported."""

    spans: tuple[Span, ...] = ()
    exports: tuple[tuple[MetricPoint, ...], ...] = ()
    logs: tuple[LogRecord, ...] = ()

    @classmethod
    def of(cls, collector: Collector) -> Telemetry:
        """Return what `collector` received."""
        exports = tuple(map(tuple, collector.exports))
        return cls(tuple(collector.spans), exports, tuple(collector.logs))


def agent_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the agent's variables in an environment."""
    return {name: value for name, value in environment.items() if name.startswith("AURORA_OTEL_")}


class Switch(Protocol):
    """A change of the writer, by whatever carried it out; times are monotonic."""

    @property
    def old_writer(self) -> str:
        """The instance that was the writer."""

    @property
    def new_writer(self) -> str:
        """The instance that is the writer now."""

    @property
    def began(self) -> float:
        """When it began, in seconds of the monotonic clock."""

    @property
    def refused(self) -> float | None:
        """From when on the old writer refused writes, where that is known."""


@dataclass(frozen=True)
class Recording:
    """All that is known of one run.

    Args:
        name: `without`, `with` or `with_every_thread_hung`.
        settings: The agent's variables in the application's environment.
        started: When the application had opened its held connections.
        switch: The failover.
        published: When the topology named the new writer.
        used_idle: When the idle connections were to be used.
        ended: When the application was stopped.
        calls: All calls that returned after that, by the time they did.
        in_flight: Calls that never returned: what hung.
        samples: The sessions per instance over time.
        sessions: The sessions per instance before the application was stopped.
        terminated: Whether the application had to be killed, since it did not stop.
        output: What the application wrote on standard error.
        clock: The relation of both clocks.
        telemetry: What was exported; nothing without the agent.
    """

    name: str
    settings: Mapping[str, str]
    started: float
    switch: Switch
    published: float
    used_idle: float
    ended: float
    calls: tuple[Call, ...]
    in_flight: tuple[Call, ...]
    samples: tuple[Sample, ...]
    sessions: Mapping[str, int]
    terminated: bool
    output: str
    clock: Clock
    telemetry: Telemetry

    @property
    def writes(self) -> tuple[Call, ...]:
        """All writes; those that never returned come last."""
        calls = (*self.calls, *self.in_flight)
        return tuple(call for call in calls if call.operation is Operation.WRITE)


class Phase(str, Enum):
    """Where a run is."""

    STARTING = "starting"
    HEALTHY = "healthy"
    FAILING_OVER = "failing over"
    AFTER = "after the failover"
    STOPPING = "stopping"
    DONE = "done"


@dataclass
class Timeline:
    """A run as it grows: fed by the threads that watch it, read by the view."""

    name: str
    phase: Phase = Phase.STARTING
    started: float | None = None
    switch: Switch | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _calls: list[Call] = field(default_factory=list, repr=False)
    _in_flight: tuple[Call, ...] = ()
    _samples: list[Sample] = field(default_factory=list, repr=False)

    def heard(self, report: Mapping[str, Any]) -> None:
        """Add a line that the application reported."""
        calls = [Call.of(call) for call in report["calls"]]
        in_flight = tuple(
            Call.of(call, end=report["at"], outcome=Outcome.IN_FLIGHT)
            for call in report["in_flight"]
        )
        with self._lock:
            self._calls.extend(calls)
            self._in_flight = in_flight

    def sampled(self, sample: Sample) -> None:
        """Add a sample of the sessions."""
        with self._lock:
            self._samples.append(sample)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Calls that have returned so far."""
        with self._lock:
            return tuple(self._calls)

    def calls_since(self, moment: float) -> tuple[Call, ...]:
        """Return the calls that returned after a moment, in seconds of the monotonic clock."""
        return tuple(call for call in self.calls if call.end > moment)

    @property
    def in_flight(self) -> tuple[Call, ...]:
        """Calls that had not returned when the application last reported."""
        with self._lock:
            return self._in_flight

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Samples so far."""
        with self._lock:
            return tuple(self._samples)
