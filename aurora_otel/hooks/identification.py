"""A new connection: which instance did it land on, and is that where it belongs?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aurora_otel.discovery import DIALECTS
from aurora_otel.discovery.identify import REFUSAL, SILENCE, Kind, Surface, Surfaces, dialogue
from aurora_otel.drivers.protocol import Driver, Opening, Rows
from aurora_otel.model.endpoints import Endpoint, EndpointMap, EndpointType
from aurora_otel.model.topology import Answer, Role
from aurora_otel.runtime.shield import Shield, is_from_signal_handler


class DroppedError(Exception):
    """The connection died of the question, or did not answer it in time."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Where a connection landed.

    Attributes:
        endpoint: what the application connected to.
        answer: what the instance said of itself, if it was asked and answered.
        view: whether its topology can be read by SQL.
    """

    endpoint: Endpoint
    answer: Answer | None = None
    view: bool = False

    @property
    def instance(self) -> str | None:
        """The instance, by its own word or by the endpoint's name."""
        return self.answer.instance if self.answer else self.endpoint.instance

    @property
    def is_misrouted(self) -> bool:
        """Whether it came through the writer endpoint and landed on a reader: stale DNS."""
        return (
            self.endpoint.type is EndpointType.WRITER
            and self.answer is not None
            and self.answer.role is Role.READER
        )


class Identification:
    """Finds out where connections landed.

    Args:
        surfaces: what is known of the servers behind each `host:port`.
        clock: the monotonic clock.
        shield: counts what goes wrong in drivers' files.
    """

    def __init__(self, surfaces: Surfaces, clock: Callable[[], float], shield: Shield) -> None:
        self._surfaces = surfaces
        self._clock = clock
        self._shield = shield

    def identify(
        self,
        driver: Driver,
        opening: Opening,
        endpoints: EndpointMap,
        timeout: float,
        *,
        is_known: Callable[[Endpoint], bool],
    ) -> Identity:
        """Return where a connection landed; ask it only where that is needed and harmless.

        Args:
            driver: of the connection.
            opening: the connection.
            endpoints: what the settings say of host names.
            timeout: seconds that asking may take.
            is_known: whether the topology behind an instance endpoint was read before.

        Raises:
            DroppedError: the connection is no longer usable.
        """
        connection = opening.connection
        endpoint = endpoints.classify(*driver.address(connection))
        silent = Identity(endpoint)
        if endpoint.type is EndpointType.PROXY or (endpoint.instance and is_known(endpoint)):
            return silent
        surface = self._surfaces.get(endpoint.address, self._clock())
        if surface is not None and not surface.can_answer:
            return silent
        if not driver.askable(connection, opening.login):
            return silent
        return self._ask(driver, connection, Identity(endpoint), surface, timeout)

    def _ask(
        self,
        driver: Driver,
        connection: Any,
        silent: Identity,
        surface: Surface | None,
        timeout: float,
    ) -> Identity:
        address = silent.endpoint.address
        dialect = DIALECTS[driver.system]
        talk = dialogue(dialect, surface, driver.backend_id(connection))
        deadline = self._clock() + timeout
        try:
            statement = next(talk)
            while True:
                left = deadline - self._clock()
                rows: Rows = driver.ask(connection, statement, max(left, 0.001))
                statement = talk.send(rows)
        except StopIteration as end:
            learnt, answer = end.value
            self._surfaces.learn(address, learnt)
            return Identity(silent.endpoint, answer, learnt.view)
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            forgotten = self._clock() + SILENCE
            closed = self._shield.run("ask a driver's file", driver.is_closed, connection)
            # Where nobody can tell, nobody is handed this one.
            if isinstance(error, TimeoutError) or closed is not False:
                self._shield.run("drop a connection", driver.discard, connection)
                self._surfaces.learn(address, Surface(Kind.SILENT, until=forgotten))
                raise DroppedError from error
            if statement == dialect.question(view=True):
                # Not every server tells beforehand that its view may not be read.
                viewless = Surface(Kind.AURORA, until=forgotten)
                left = deadline - self._clock()
                return self._ask(driver, connection, silent, viewless, left)
            # Refused, but alive: a server that is starting or ending, a privilege that was taken
            # away, or another system, whose log is not to fill with errors.
            if statement == dialect.probe:
                forgotten = self._clock() + REFUSAL
            self._surfaces.learn(address, Surface(Kind.SILENT, until=forgotten))
            return silent


def pause(step: float, deadline: float) -> float:
    """Sleep for `step` seconds, not beyond `deadline`; return the next, longer step."""
    time.sleep(max(0.0, min(step, deadline - time.monotonic())))
    return step * 2
