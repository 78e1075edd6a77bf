"""What everything about one cluster works with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from aurora_otel.discovery.rds.api import Apis
from aurora_otel.discovery.servers import Servers
from aurora_otel.runtime.shield import Shield
from aurora_otel.settings import Settings
from aurora_otel.telemetry.metrics import Instruments
from aurora_otel.telemetry.reports import Report
from aurora_otel.telemetry.spans import Spans
from aurora_otel.tracking.clusters import Clusters
from aurora_otel.tracking.routes import Routes
from aurora_otel.tracking.tracker import Tracker


class Config(Protocol):
    """What can be changed while the agent runs, its shield, and where it reports."""

    settings: Settings
    spans: Spans
    instruments: Instruments
    shield: Shield

    def report(self, report: Report) -> None:
        """Have `report` emitted on the reporter's thread; wait for nothing."""

    def later(self, action: Callable[[], None]) -> None:
        """Have `action` called on the reporter's thread; wait for nothing."""


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What everything about one cluster works with.

    Attributes:
        config: what is in force at the moment.
        tracker: which connection leads to which instance.
        clusters: what is known of each cluster.
        clock: the monotonic clock.
        servers: what is known of the server behind each `host:port`.
        apis: the RDS API of each region.
        routes: which connects go straight to the writer.
    """

    config: Config
    tracker: Tracker
    clusters: Clusters
    clock: Callable[[], float]
    servers: Servers = field(default_factory=Servers)
    apis: Apis = field(default_factory=Apis)
    routes: Routes = field(default_factory=Routes)

    def timestamps(self, *moments: float) -> tuple[int, ...]:
        """Return moments of the monotonic clock in nanoseconds since the epoch, for spans.

        They are counted back from the present: the wall clock may have been set meanwhile.
        """
        # The latest of three: the thread may be interrupted between one clock and the other.
        offset = max(time.time_ns() - round(self.clock() * 1e9) for _ in range(3))
        return tuple(offset + round(moment * 1e9) for moment in moments)
