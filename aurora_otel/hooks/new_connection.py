"""A connection on its way to the application."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_otel.drivers.protocol import Driver, Opening
from aurora_otel.runtime.effects import Reconnect, Steps
from aurora_otel.runtime.shield import Shield


@dataclass(slots=True)
class NewConnection:
    """A connection on its way to the application, which may be replaced by another one.

    Attributes:
        driver: of the connection.
        opening: the connection.
        began: when it came, in seconds of the monotonic clock.
    """

    driver: Driver
    opening: Opening
    began: float

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
        return before
