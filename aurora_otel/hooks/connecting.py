"""A connect: by the name that the application gave, or straight to the writer while that is wrong.

A connect that fails through a writer endpoint is a symptom. When the refresh confirms a writer, and
the name does not lead to it, the connect is repeated there.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from aurora_otel.drivers.connects import Attempt, LoginFailure
from aurora_otel.drivers.protocol import Driver
from aurora_otel.hooks.explanations import Explanations
from aurora_otel.hooks.named_writer import NamedWriter
from aurora_otel.model.endpoints import Address, Endpoint, EndpointType, normalise
from aurora_otel.model.groups import UNKNOWN, Group
from aurora_otel.model.straight import StraightReason
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Role
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.name_checks import NameCheck
from aurora_otel.runtime.effects import Reconnect, Steps, Wait
from aurora_otel.runtime.shield import is_from_signal_handler
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.routes import Route


class Connected(NamedTuple):
    """A connection, and the route by which it was opened, if it went straight to the writer."""

    connection: Any
    route: Route | None = None


class _Place(NamedTuple):
    """Where a connect that failed was to lead.

    Attributes:
        endpoint: what the application connected to.
        cluster: its cluster, if that is known.
    """

    endpoint: Endpoint
    cluster: Cluster | None


class Connecting:
    """Carries out connects.

    Args:
        context: what it works with.
        explanations: explain connects that fail.
    """

    def __init__(self, context: AgentContext, explanations: Explanations) -> None:
        self._context = context
        self._explanations = explanations
        self._named_writer = NamedWriter(context)

    def connect(self, driver: Driver, attempt: Attempt) -> Steps[Connected]:
        """Connect as the application asked.

        Raises:
            BaseException: the driver's own.
        """
        # A healthy connect pays for no more than this.
        if self._context.routes and (route := self.route(attempt)) is not None:
            connected = yield from self._go_straight(driver, attempt, route)
            if connected is not None:
                return connected
        try:
            return Connected((yield Reconnect(attempt.connect)))
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            connected = yield from self._repeat(driver, attempt, error)
            if connected is None:
                raise
            return connected

    def route(self, attempt: Attempt) -> Route | None:
        """Return the route that a connect takes, if it goes straight to the writer."""
        if attempt.straight is None or attempt.host is None:
            return None
        return self.route_to(attempt.host)

    def route_to(self, host: Address) -> Route | None:
        """Return the route that connects to `host` take, if they go straight to the writer."""
        if not self._context.config.settings.may_go_straight:
            return None
        return self._context.routes.to(_normalised(host), self._context.clock())

    def _go_straight(
        self, driver: Driver, attempt: Attempt, route: Route
    ) -> Steps[Connected | None]:
        """Connect by `route`; return `None` if that fails: the name is trusted again.

        Raises:
            Exception: the writer has no connection left.
        """
        if attempt.straight is None:
            return None
        try:
            connection = yield Reconnect(partial(attempt.straight, route.to))
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            shield = self._context.config.shield
            failure = shield.run("ask a driver's file", driver.login_failure, error)
            if failure is LoginFailure.FULL:
                # So it is: a reader would be no better.
                raise
            route.cluster.current.monitor.route_failed(route)
            return None
        return Connected(connection, route)

    # A connect that fails.

    def _repeat(
        self, driver: Driver, attempt: Attempt, error: Exception
    ) -> Steps[Connected | None]:
        """Return a connection to the writer itself, if a connect failed that did not lead there."""
        shield = self._context.config.shield
        place = shield.run("count a failed connect", self._note, driver, attempt, error)
        if place is None or place.cluster is None:
            return None
        if not shield.run("ask a driver's file", driver.is_unreachable, error):
            return None
        find, began = self._find_route, self._context.clock()
        route = yield from shield.steps(
            "respond to a failed connect", find, attempt, place.endpoint, place.cluster
        )
        connected = None
        if route is not None:
            connected = yield from self._go_straight(driver, attempt, route)
        if connected is None and place.endpoint.type is EndpointType.WRITER:
            explain = self._explanations.explain_connect
            shield.run("explain a failed connect", explain, error, place.cluster.current, began)
        return connected

    def _note(self, driver: Driver, attempt: Attempt, error: Exception) -> _Place | None:
        """Count a failed connect; return where it was to lead, if its host is known."""
        context, endpoint, cluster = self._context, None, None
        if attempt.host is not None:
            endpoint = context.clusters.endpoints.classify(*attempt.host)
            cluster = context.clusters.find(endpoint, context.clock())
        label, system = (cluster.label, cluster.system) if cluster else (UNKNOWN, driver.system)
        kind = endpoint.type if endpoint else EndpointType.OTHER
        group = Group(label, system, UNKNOWN, Role.UNKNOWN, driver.name, kind)
        context.tracker.note_failure(group, type(error).__qualname__)
        return _Place(endpoint, cluster) if endpoint else None

    def _find_route(
        self, attempt: Attempt, endpoint: Endpoint, cluster: Cluster
    ) -> Steps[Route | None]:
        """Refresh; return the way to the writer, if its name does not lead there."""
        name = endpoint.address
        if endpoint.type is not EndpointType.WRITER or not cluster.has_topology:
            return None
        if (route := self.route(attempt)) is not None:
            # Opened while this connect was under way.
            return route
        until = self._context.clock() + self._context.config.settings.refresh_timeout
        if attempt.straight is not None:
            reason = StraightReason.CONNECT_FAILED
            route = yield from self._named_writer.route(cluster, name, reason, until)
        return route or (yield from self._refresh(attempt, name, cluster, until))

    def _refresh(
        self, attempt: Attempt, name: Address, cluster: Cluster, until: float
    ) -> Steps[Route | None]:
        context, settings = self._context, self._context.config.settings
        began, check = context.clock(), NameCheck(name)
        yield cluster.monitor.symptom(Symptom.CONNECT_FAILED, suspect=cluster.detector.writer)
        if (route := self.route(attempt)) is not None or attempt.straight is None:
            return route
        cluster = cluster.current
        if not settings.may_go_straight or not cluster.monitor.answered_since(began):
            return None
        yield Wait(check.ended, max(0.0, until - context.clock()))
        to = cluster.whereabouts
        if to is None or check.leads_to(to.address):
            return None
        now, reason = context.clock(), StraightReason.CONNECT_FAILED
        return context.routes.open(cluster, name, reason, now, settings.refresh_window)


def _normalised(host: Address) -> Address:
    return Address(normalise(host.host), host.port)
