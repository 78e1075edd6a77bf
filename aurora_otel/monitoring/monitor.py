"""One cluster's monitor: when its topology is refreshed, and what a call waits for."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from aurora_otel.model.endpoints import Address
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.access import Access
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.paces import Paces
from aurora_otel.monitoring.refresh import TopologyRefresh
from aurora_otel.monitoring.requests import Heard, Trigger
from aurora_otel.monitoring.worker import RefreshWorker
from aurora_otel.runtime.effects import Wait
from aurora_otel.runtime.gate import Gate
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.routes import Route
from aurora_otel.tracking.track import Track


class ClusterMonitor:
    """Everything that refreshes one cluster's topology.

    Args:
        cluster: the cluster.
        context: what it works with.

    Attributes:
        refresh: does one refresh, and acts on what it reads.
    """

    def __init__(self, cluster: Cluster, context: AgentContext) -> None:
        self._cluster = cluster
        self._context = context
        self._searched = False
        self._paces = Paces(cluster, context)
        self.refresh = TopologyRefresh(cluster, context, self._paces, self._refresh_with_hint)
        self._worker = RefreshWorker(
            self.refresh.run, lambda: self._paces.earliest, self.refresh.rest, context.clock
        )

    @property
    def login_rejected(self) -> bool:
        """Whether no login of the agent's own worked the last time."""
        return self.refresh.login_rejected

    @property
    def access(self) -> Access | None:
        """How the application last connected; `None` before the first connection."""
        return self.refresh.access.newest

    @property
    def logins(self) -> tuple[Access, ...]:
        """The logins that its own connections may use, the newest first."""
        return self.refresh.access.logins

    # What calls and the background loop ask for.

    def connected(self, access: Access) -> None:
        """Take note of how the application last connected."""
        self.refresh.connected(access)

    def symptom(  # noqa: PLR0913 - all that a symptom comes with
        self,
        kind: Symptom,
        *,
        suspect: str | None,
        hint: str | None = None,
        heard: Heard | None = None,
        wait: bool = True,
        is_stale: bool = False,
    ) -> Wait:
        """Take note of a symptom, and refresh; return the wait for an answer.

        Args:
            kind: the symptom.
            suspect: the instance that showed it.
            hint: the instance that something names as the writer.
            heard: the claim to be the writer that is the symptom.
            wait: whether a call waits for an answer, within `REFRESH_TIMEOUT`.
            is_stale: whether the connection will be shut down if the writer confirms itself.
        """
        now = self._context.clock()
        if self._cluster.is_overflow:
            return Wait(Gate(), 0.0)
        context = otel_context.get_current() if wait else Context()
        self._cluster.detector.symptom(kind, now, context)
        self._cluster.alert = True
        if self._context.tracker.has_unidentified(self._cluster):
            # A verdict closes the window, and says nothing of those.
            self._cluster.identify_until(now + self._context.config.settings.refresh_window)
        if heard is not None:
            self._paces.errors.reset()
        # Where errors are no failover again and again, no call waits for that once more.
        wait = wait and (is_stale or now >= self._paces.errors.next)
        budget = self._context.config.settings.refresh_timeout if wait else 0.0
        return self._worker.ask(Trigger(context, suspect, hint, heard=heard), budget)

    def lost(self, tracks: Iterable[Track]) -> None:
        """Take note of connections that were seen to be lost, before that symptom. Only appends."""
        self._paces.lost(tracks)

    def host_moved(self) -> None:
        """Refresh at once: a host leads to the writer by now; what it led to before is stale."""
        self._paces.way_changed(self._context.clock())
        self.symptom(Symptom.TOPOLOGY, suspect=None, wait=False)

    def back_as_reader(self) -> None:
        """Take note that a former writer is back as a reader, where applications write."""
        self._paces.back_as_reader(self._context.clock())

    def refresh_if_due(self, *, wait: bool) -> Wait | None:
        """Refresh before a call, if a refresh is due and none is running; return the wait for it.

        Args:
            wait: whether a call waits for it, within `REFRESH_TIMEOUT`.
        """
        now = self._context.clock()
        detector = self._cluster.detector
        if not detector.window_open(now):
            self._cluster.calm(now)
            if self.refresh.is_connected or not self._cluster.alert:
                self._worker.rest()
            return None
        if not (detector.refresh_due(now) or (not wait and self._may_ask_for_nothing(now))):
            return None
        context = otel_context.get_current() if wait else Context()
        budget = self._context.config.settings.refresh_timeout if wait else 0.0
        return self._worker.take_one(Trigger(context), budget)

    def _may_ask_for_nothing(self, now: float) -> bool:
        """Return whether a symptom is not explained yet, and a question costs no login."""
        is_open = self._paces.logins.is_in_doubt and self.refresh.is_connected
        return is_open and now >= self._cluster.detector.retry_at

    def refresh_for_stuck_call(self) -> None:
        """Refresh because a call does not return; without a window."""
        if self._context.clock() >= self._paces.stuck.next:
            self._worker.take_one(Trigger(Context(), stuck=True), 0.0)

    def ask_slow_server(self, host: Address) -> Wait | None:
        """See whether a server that was slow answers in time again; return the wait for it.

        Its answer lets the application's connections to it be asked on which instance they are.

        Args:
            host: what they were opened to.
        """
        if self._cluster.is_overflow:
            return None
        budget = self._context.config.settings.refresh_timeout
        return self._worker.take_one(Trigger(otel_context.get_current(), slow=host), budget)

    def refresh_for_stale_connection(self) -> Wait:
        """Refresh, as a connection that was just identified is stale; return the wait for it."""
        budget = self._context.config.settings.refresh_timeout
        return self._worker.ask(Trigger(otel_context.get_current()), budget)

    def find_writer(self) -> None:
        """Refresh, once, because no connection has landed on the writer yet; wait for nothing."""
        if not self._searched and not self._cluster.is_overflow:
            self._searched = True
            self._worker.take_one(Trigger(Context()), 0.0)

    def route_failed(self, route: Route) -> None:
        """Take note that a connect found no writer by `route`; the next one waits for a verdict.

        Until then names are trusted, and this one's leads elsewhere: errors that were no failover
        put the refresh off no longer.
        """
        self._context.routes.failed(route)
        self._paces.way_changed(self._context.clock())
        self._worker.reconsider()

    def ask_for_events(self) -> None:
        """Ask the RDS API for its events of the last failover, if that is due; wait for nothing."""
        self.refresh.events.ask_if_due()

    def answered_since(self, moment: float) -> bool:
        """Return whether a reading that began at or after `moment` was confirmed."""
        return self._worker.answered_since(moment)

    def named_writer(self, named: str | None = None) -> str | None:
        """Return the writer that instances name, if the agent itself is not to ask it yet.

        Args:
            named: the one that an instance has just named on the application's own connection.
        """
        return self._paces.logins.put_off(self._context.clock(), named)

    @property
    def wants_to_hear(self) -> bool:
        """Whether what the application's own new connections say may start a refresh."""
        return self.login_rejected or self._paces.logins.is_in_doubt

    def hear(self, heard: Heard) -> Wait:
        """Refresh with what a writer said on the application's own new connection; return the wait.

        A call waits for the verdict where no login of the agent's own can bring one.
        """
        settings = self._context.config.settings
        budget = settings.refresh_timeout if self.login_rejected else 0.0
        return self._worker.ask(Trigger(otel_context.get_current(), heard=heard), budget)

    def hand_over(self, merged_into: ClusterMonitor) -> None:
        """Leave everything to `merged_into`, whose cluster turned out to be this one.

        A failover may be under way: what it made stale is among the connections of `merged_into`
        now.
        """
        self.refresh.merged_into = merged_into.refresh
        cluster, now = self._cluster, self._context.clock()
        first, writer = cluster.detector.first_symptom, cluster.detector.writer
        if cluster.detector.window_open(now) or writer not in (None, merged_into.writer):
            kind = first.kind if first else Symptom.TOPOLOGY
            merged_into.symptom(kind, suspect=None, wait=False)
        cluster.detector.close_window()
        cluster.calm(now)
        self._worker.rest()

    @property
    def writer(self) -> str | None:
        """The cluster's writer, if that is known."""
        return self._cluster.detector.writer

    def stop(self) -> threading.Thread | None:
        """Refresh no more; return the thread that may still be at it."""
        self.refresh.stop()
        return self._worker.stop()

    def close(self) -> None:
        """Close the agent's own connection, if one is open; wait for the RDS API's last answer."""
        self.refresh.close()

    def _refresh_with_hint(self, trigger: Trigger) -> None:
        self._worker.refresh_with_hint(trigger)
