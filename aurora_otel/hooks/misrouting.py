"""Misrouted connections: stale DNS led the writer endpoint to a reader."""

from __future__ import annotations

from collections.abc import Callable

from aurora_otel.hooks.identification import Identity
from aurora_otel.hooks.named_writer import NamedWriter
from aurora_otel.hooks.new_connection import NewConnection
from aurora_otel.hooks.placement import Placement
from aurora_otel.model.detector import FIRST_STEP
from aurora_otel.model.straight import StraightReason
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.access import Access
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.runtime.effects import Pause, Steps
from aurora_otel.runtime.shield import is_from_signal_handler
from aurora_otel.settings import Mode
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.routes import Route

# While the writer confirms itself again and again, no connect waits for that once more: a verdict
# of so many seconds ago counts then. What is connected by it is checked.
_RECENTLY = 3.0


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
        self._named_writer = NamedWriter(context)

    def reroute(self, new: NewConnection, identity: Identity) -> Steps[Identity | None]:
        """Replace a misrouted connection, within REFRESH_TIMEOUT; return where the last landed.

        Raises:
            Exception: the driver's own, if the application is left without a connection.
        """
        shield = self._context.config.shield
        deadline = new.began + self._context.config.settings.refresh_timeout
        response = yield from shield.steps(
            "respond to a misrouted connection", self._respond, new, identity, deadline
        )
        cluster, route = response or (None, None)
        step = FIRST_STEP
        latest: Identity | None = identity
        if route is not None:
            latest = yield from self._go_straight(new, route, identity)
        while (
            cluster
            and latest
            and self._is_stale_route(cluster, latest, new.began)
            and (left := deadline - self._context.clock()) > 0
        ):
            yield Pause(min(step, left))
            step *= 2
            if not (yield from self._replace(new, new.reconnect())):
                # The application has one that works: it keeps that.
                break
            latest = yield from self._identify(new)
        return latest

    def _go_straight(
        self, new: NewConnection, route: Route, identity: Identity
    ) -> Steps[Identity | None]:
        """Replace a misrouted connection by one to the writer itself.

        Returns:
            where the connection landed that the application would get now.

        Raises:
            Exception: the driver's own, if the application is left without a connection.
        """
        if not (yield from self._replace(new, new.reconnect_straight(route))):
            route.cluster.current.monitor.route_failed(route)
            return identity
        found = yield from self._identify(new)
        if not reached(route, found):
            return (yield from self.go_back(new, route, found))
        return found

    def go_back(
        self, new: NewConnection, route: Route, identity: Identity | None
    ) -> Steps[Identity | None]:
        """Replace a connection that did not reach the writer as the application itself connects.

        Args:
            new: the connection.
            route: by which it was opened.
            identity: where it landed.

        Returns:
            where the other one landed.

        Raises:
            Exception: the driver's own.
        """
        if identity is None or identity.dropped or identity.answer is not None:
            route.cluster.current.monitor.route_failed(route)
        # Else it is a connection that cannot be asked: the route may be right.
        new.discard(self._context.config.shield)
        yield from new.reconnect()
        return (yield from self._identify(new))

    def _replace(self, new: NewConnection, reconnect: Steps[object]) -> Steps[bool]:
        """Have another connection take the place of a misrouted one; return whether it has.

        Raises:
            Exception: the driver's own, if the application is left without a connection.
        """
        shield = self._context.config.shield
        try:
            before = yield from reconnect
        except Exception as error:
            connection = new.opening.connection
            closed = shield.run("ask a driver's file", new.driver.is_closed, connection)
            # Where that is unknown, the application gets the driver's error.
            if closed is not False or is_from_signal_handler(error):
                raise
            return False
        if before is not new.opening.connection:
            shield.run("drop a misrouted connection", new.driver.discard, before)
        return True

    def _respond(
        self, new: NewConnection, identity: Identity, until: float
    ) -> Steps[tuple[Cluster, Route | None]]:
        """Count a misrouted connection, and refresh; return its cluster, and the way to the writer.

        Args:
            new: the connection.
            identity: where it landed.
            until: when the application is to wait no longer, in seconds of the monotonic clock.
        """
        context, name = self._context, identity.endpoint.address
        cluster = self._placement.cluster_of(new.driver, identity)
        context.tracker.note_misroute(self._placement.group_of(new.driver.name, cluster, identity))
        monitor, misrouted = cluster.monitor, StraightReason.MISROUTED
        monitor.connected(Access(new.driver, new.opening.login, identity.endpoint))
        can_go_straight = new.attempt is not None and new.attempt.straight is not None
        answer = identity.answer
        hint = answer.view.writer if answer and answer.view else None
        if can_go_straight:
            context.routes.note_name(cluster, name)
            route = yield from self._named_writer.route(cluster, name, misrouted, until, hint)
            if route is not None:
                return cluster, route
        wait = monitor.symptom(Symptom.MISROUTED, suspect=identity.instance, hint=hint)
        yield wait
        since = new.began if wait.seconds else new.began - _RECENTLY
        settings = context.config.settings
        if not can_go_straight or not settings.may_go_straight:
            return cluster, None
        if not self._is_stale_route(cluster, identity, since):
            return cluster, None
        now, window = context.clock(), settings.refresh_window
        return cluster, context.routes.open(cluster, name, misrouted, now, window)

    def _is_stale_route(self, cluster: Cluster, identity: Identity, began: float) -> bool:
        """Return whether a verdict of after `began` says that the writer is elsewhere."""
        return (
            identity.is_misrouted
            and self._context.config.settings.mode is Mode.CLEANUP
            and cluster.monitor.answered_since(began)
            and cluster.detector.writer not in (None, identity.instance)
        )


def reached(route: Route, identity: Identity | None) -> bool:
    """Return whether a connection that was opened by `route` is one to its writer.

    One whose server is too slow to say so yet is asked again later. What cannot say it at all may
    be another server that has the address by now.
    """
    if identity is None or identity.dropped:
        return False
    answer = identity.answer
    if answer is None:
        return identity.postponed or identity.at == route.to.writer
    return answer.is_writer and answer.instance == route.to.writer
