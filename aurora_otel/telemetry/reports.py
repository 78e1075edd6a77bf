"""What the agent reports, as values: each is made where something was decided and done.

`telemetry/emission.py` turns them into spans, log records and measurements, later and on another
thread. So each carries the times that it is about: timestamps are nanoseconds since the epoch,
durations are seconds by the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from opentelemetry.context import Context

from aurora_otel.discovery.rds.answers import ApiError, ApiEvent
from aurora_otel.model.groups import PruneReason
from aurora_otel.model.topology import Reading
from aurora_otel.model.window import FirstSymptom
from aurora_otel.telemetry import names
from aurora_otel.tracking.track import Ended, Invalidation


class RefreshReport(NamedTuple):
    """One refresh of a cluster's topology.

    Attributes:
        cluster: the cluster's attributes.
        reading: what was read.
        context: of the call that refreshed.
        began: when the refresh began.
        ended: when it had its reading.
        seconds: how long the reading took.
    """

    cluster: Mapping[str, str]
    reading: Reading
    context: Context
    began: int
    ended: int
    seconds: float


class CleanUp(NamedTuple):
    """The stale connections that a verdict found.

    Attributes:
        writer: the writer, by the verdict.
        invalidations: each of the connections, and what came of it.
        decided: when the verdict came.
        ended: when the last connection was shut down.
        seconds: how long that took.
    """

    writer: str
    invalidations: Sequence[Invalidation]
    decided: int
    ended: int
    seconds: float


class StaleReport(NamedTuple):
    """Stale connections that a later verdict of the same writer found."""

    refresh: RefreshReport
    clean_up: CleanUp


@dataclass(slots=True)
class FailoverReference:
    """What later reports about a failover refer to.

    Attributes:
        began: when its first symptom was seen.
        attributes: its cluster, the old writer and the new one.
        context: in which its span is the current one; empty until that was made.
    """

    began: int
    attributes: Mapping[str, str]
    context: Context = field(default_factory=Context)


class FailoverReport(NamedTuple):
    """A change of the writer.

    Attributes:
        refresh: the refresh that brought the verdict.
        clean_up: what the verdict led to.
        origin: the first symptom.
        detection: how long it took from there to the verdict.
        reference: for later reports about the failover.
    """

    refresh: RefreshReport
    clean_up: CleanUp
    origin: FirstSymptom
    detection: float
    reference: FailoverReference

    @property
    def attributes(self) -> dict[str, str | int]:
        """The attributes of its span and its log record."""
        return {
            **self.reference.attributes,
            names.SYMPTOM: self.origin.kind.value,
            names.INVALIDATED: len(self.clean_up.invalidations),
        }


class EndedReport(NamedTuple):
    """Connections that are no longer tracked.

    Attributes:
        ended: each, how it ended, and for how long it was open.
    """

    ended: Sequence[tuple[Ended, float]]


class PruneReport(NamedTuple):
    """A round of pruning that dropped something; numbers by reason."""

    began: int
    ended: int
    reasons: Mapping[PruneReason, int]


class DisagreementReport(NamedTuple):
    """The RDS API names another writer than the instances do."""

    cluster: Mapping[str, str]
    named: str | None
    writer: str


class ApiErrorReport(NamedTuple):
    """The RDS API gives no answer."""

    error: ApiError


class ApiEventReport(NamedTuple):
    """An event of RDS's own about a failover."""

    failover: FailoverReference
    event: ApiEvent


class ControlPlaneReport(NamedTuple):
    """All events of RDS's own about a failover; at least one."""

    failover: FailoverReference
    events: Sequence[ApiEvent]


class InternalFailureReport(NamedTuple):
    """A failure inside the agent: what was being done, the error's type, the agent's own frames."""

    where: str
    kind: str
    frames: Sequence[str]


class KillSwitchReport(NamedTuple):
    """The kill switch was turned on or off.

    Attributes:
        is_on: whether it is on.
        path: of its file.
        mode: the mode that counts from now on.
    """

    is_on: bool
    path: str
    mode: str


class UnsupportedReport(NamedTuple):
    """A driver that is not supported connects to Amazon RDS."""

    driver: str


Report: TypeAlias = (
    RefreshReport
    | StaleReport
    | FailoverReport
    | EndedReport
    | PruneReport
    | DisagreementReport
    | ApiErrorReport
    | ApiEventReport
    | ControlPlaneReport
    | InternalFailureReport
    | KillSwitchReport
    | UnsupportedReport
)
# There may be many of these: they are dropped first.
INFORMATIONAL = (RefreshReport, EndedReport, PruneReport)
