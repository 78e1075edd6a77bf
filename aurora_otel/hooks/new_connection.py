"""A connection on its way to the application."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from aurora_otel.drivers.connects import Attempt, Opening
from aurora_otel.drivers.protocol import Driver
from aurora_otel.runtime.effects import Reconnect, Steps
from aurora_otel.runtime.shield import Shield
from aurora_otel.tracking.routes import Route
from aurora_otel.tracking.track import Track


@dataclass(slots=True)
class NewConnection:
    """A connection on its way to the application, which may be replaced by another one.

    Attributes:
        driver: of the connection.
        opening: the connection.
        began: when it came, in seconds of the monotonic clock.
        attempt: the connect that it came of, where the agent carries that out.
        route: by which it was opened, if it went straight to the writer.
        track: its track, once it has one.
    """

    driver: Driver
    opening: Opening
    began: float
    attempt: Attempt | None = None
    route: Route | None = None
    track: Track | None = None

    def discard(self, shield: Shield) -> None:
        """Drop the connection: the application is not going to get it."""
        shield.run("drop a connection", self.driver.discard, self.opening.connection)

    def reconnect(self) -> Steps[object]:
        """Connect again, as the application did; return the connection of before.

        Raises:
            Exception: the driver's own, which the application's connect would have met.
        """
        before = self.opening.connection
        self.opening = self.opening._replace(connection=(yield Reconnect(self.opening.reconnect)))
        self.route = None
        return before

    def reconnect_straight(self, route: Route) -> Steps[object]:
        """Connect again, to the writer itself; return the connection of before.

        Raises:
            Exception: the driver's own.
        """
        before = self.opening.connection
        if self.attempt is None or self.attempt.straight is None:
            raise TypeError(self)
        connection = yield Reconnect(partial(self.attempt.straight, route.to))
        self.opening = self.opening._replace(connection=connection)
        self.route = route
        return before
