"""RDS's own events about a failover, reported beside what the clients saw of it.

They appear seconds to minutes after the clean-up, when the failover's span has long ended. So they
are asked for afterwards, in growing steps, until RDS says that the failover is over; each becomes a
log record at once, and all of them one span below the failover's.
"""

from __future__ import annotations

import functools
import random
from collections import deque
from datetime import datetime, timedelta, timezone

from aurora_otel.discovery.rds.answers import ApiEvent
from aurora_otel.model.endpoints import Endpoint
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.control_plane import ControlPlane
from aurora_otel.settings import RdsApiUse
from aurora_otel.telemetry.reports import ApiEventReport, ControlPlaneReport, FailoverReference
from aurora_otel.tracking.cluster import Cluster

# After the clean-up, in multiples of REFRESH_INTERVAL, by default seconds.
_STEPS = (5.0, 15.0, 30.0, 60.0, 120.0)
# RDS's clock may differ from this one, and it saw the failover before the agent did.
_BEFORE = timedelta(minutes=2)
# So many events are remembered as reported.
_MOST = 256


class FailoverEvents:
    """Asks for the events of one cluster's failovers, and reports them.

    Args:
        cluster: the cluster.
        context: what it works with.
        api: where to ask.
    """

    def __init__(self, cluster: Cluster, context: AgentContext, api: ControlPlane) -> None:
        self._cluster = cluster
        self._context = context
        self._api = api
        self._following: tuple[FailoverReference, Endpoint] | None = None
        self._due: deque[float] = deque()
        self._known: deque[ApiEvent] = deque(maxlen=_MOST)
        self._found: list[ApiEvent] = []

    def follow(self, failover: FailoverReference, endpoint: Endpoint) -> None:
        """Ask for the events of a failover from now on, if that is wanted.

        In `auto`, only of a cluster that the API was asked about anyway.

        Args:
            failover: the failover.
            endpoint: how the application last connected.
        """
        wanted = (
            self._context.config.settings.rds_api is RdsApiUse.ON or self._api.found is not None
        )
        if wanted and self._api.is_allowed:
            now, unit = self._context.clock(), self._context.config.settings.refresh_interval
            jitter = 0.75 + random.random() / 2  # noqa: S311 - many processes see one failover
            self._following = (failover, endpoint)
            self._due = deque(now + step * unit * jitter for step in _STEPS)

    def ask_if_due(self) -> None:
        """Ask, if it is time; called by the background loop, which waits for nothing."""
        following, due = self._following, self._due
        if following and due and self._context.clock() >= due[0]:
            # Decided here: the question may be over before its step is taken off.
            ask = functools.partial(self._ask, *following, is_last=len(due) == 1)
            if self._api.start(ask):
                due.popleft()

    def _ask(self, failover: FailoverReference, endpoint: Endpoint, *, is_last: bool) -> None:
        try:
            api, identifier = self._api.locate(endpoint)
            since = datetime.fromtimestamp(failover.began / 1e9, timezone.utc) - _BEFORE
            for event in api.failover_events(identifier, since):
                if event not in self._known:
                    self._known.append(event)
                    self._found.append(event)
                    self._cluster.events[event.kind] += 1
                    self._context.config.report(ApiEventReport(failover, event))
        finally:
            if is_last or any(event.is_last for event in self._found):
                self._end(failover)

    def _end(self, failover: FailoverReference) -> None:
        if self._found:
            self._context.config.report(ControlPlaneReport(failover, tuple(self._found)))
        self._found = []
        if self._following and self._following[0] is failover:
            self._following = None
