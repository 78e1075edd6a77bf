"""Misrouted connections: stale DNS led the writer endpoint to a reader."""

from __future__ import annotations

from collections.abc import Callable

from aurora_otel.hooks.identification import Identity
from aurora_otel.hooks.new_connection import NewConnection
from aurora_otel.hooks.placement import Placement
from aurora_otel.model.detector import FIRST_STEP
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.access import Access
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.runtime.effects import Pause, Steps
from aurora_otel.runtime.shield import is_from_signal_handler
from aurora_otel.settings import Mode
from aurora_otel.tracking.cluster import Cluster


class Misrouting:
    """Connects again while DNS leads to a reader, and a verdict names another writer.

    Args:
        context: what it works with.
        placement: finds the cluster of a connection.
        identify: returns where a new connection landed.
    """

    def __init__(
        self,
        context: AgentContext,
        placement: Placement,
        identify: Callable[[NewConnection], Steps[Identity | None]],
    ) -> None:
        self._context = context
        self._placement = placement
        self._identify = identify

    def reroute(self, new: NewConnection, identity: Identity) -> Steps[Identity | None]:
        """Replace a misrouted connection, within REFRESH_TIMEOUT; return where the last landed.

        Raises:
            Exception: the driver's own, if the application is left without a connection.
        """
        shield = self._context.config.shield
        cluster = yield from shield.steps(
            "respond to a misrouted connection", self._respond, new, identity
        )
        deadline = new.began + self._context.config.settings.refresh_timeout
        step = FIRST_STEP
        latest: Identity | None = identity
        while (
            cluster
            and latest
            and self._is_stale_route(cluster, latest, new.began)
            and (left := deadline - self._context.clock()) > 0
        ):
            yield Pause(min(step, left))
            step *= 2
            try:
                before = yield from new.reconnect()
            except Exception as error:
                connection = new.opening.connection
                closed = shield.run("ask a driver's file", new.driver.is_closed, connection)
                # Where that is unknown, the application gets the driver's error.
                if closed is not False or is_from_signal_handler(error):
                    raise
                # The application has one that works: it keeps that.
                break
            if before is not new.opening.connection:
                shield.run("drop a misrouted connection", new.driver.discard, before)
            latest = yield from self._identify(new)
        return latest

    def _respond(self, new: NewConnection, identity: Identity) -> Steps[Cluster]:
        """Count a misrouted connection, and refresh; return its cluster."""
        cluster = self._placement.cluster_of(new.driver, identity)
        group = self._placement.group_of(new.driver.name, cluster, identity)
        self._context.tracker.note_misroute(group)
        answer = identity.answer
        hint = answer.view.writer if answer and answer.view else None
        monitor = cluster.monitor
        monitor.connected(Access(new.driver, new.opening.login, identity.endpoint))
        yield monitor.symptom(Symptom.MISROUTED, suspect=identity.instance, hint=hint)
        return cluster

    def _is_stale_route(self, cluster: Cluster, identity: Identity, began: float) -> bool:
        """Return whether a verdict of after `began` says that the writer is elsewhere."""
        return (
            identity.is_misrouted
            and self._context.config.settings.mode is Mode.CLEANUP
            and cluster.monitor.answered_since(began)
            and cluster.detector.writer not in (None, identity.instance)
        )
