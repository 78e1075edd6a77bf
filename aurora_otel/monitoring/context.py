"""What everything about one cluster works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from aurora_otel.discovery.rds.api import Apis
from aurora_otel.runtime.shield import Shield
from aurora_otel.settings import Settings
from aurora_otel.telemetry.metrics import Instruments
from aurora_otel.telemetry.spans import Spans
from aurora_otel.tracking.clusters import Clusters
from aurora_otel.tracking.tracker import Tracker


class Config(Protocol):
    """What can be changed while the agent runs, and its shield."""

    settings: Settings
    spans: Spans
    instruments: Instruments
    shield: Shield


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What everything about one cluster works with.

    Attributes:
        config: what is in force at the moment.
        tracker: who is connected where.
        clusters: what is known of each cluster.
        clock: the monotonic clock.
        apis: the RDS API of each region.
    """

    config: Config
    tracker: Tracker
    clusters: Clusters
    clock: Callable[[], float]
    apis: Apis = field(default_factory=Apis)
