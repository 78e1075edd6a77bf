"""A new connection: which instance did it land on, and is that where it belongs?"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aurora_otel.discovery import SYSTEMS, TopologySource
from aurora_otel.discovery.identify import (
    SILENCE,
    Kind,
    RefusedError,
    Server,
    Servers,
    dialogue,
)
from aurora_otel.drivers.protocol import Driver, Opening
from aurora_otel.model.endpoints import Address, Endpoint, EndpointMap, EndpointType
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
        source: the kind of cluster that the instance belongs to, if it is of one.
        view: whether its topology can be read by SQL.
    """

    endpoint: Endpoint
    answer: Answer | None = None
    source: TopologySource | None = None
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
        servers: what is known of the servers behind each `host:port`.
        clock: the monotonic clock.
        shield: counts what goes wrong in drivers' files.
    """

    def __init__(self, servers: Servers, clock: Callable[[], float], shield: Shield) -> None:
        self._servers = servers
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
        server = self._servers.get(endpoint.address, self._clock())
        if server is not None and not server.can_answer:
            return silent
        if not driver.askable(connection, opening.login):
            return silent
        return self._ask(driver, connection, Identity(endpoint), server, timeout)

    def _ask(
        self,
        driver: Driver,
        connection: Any,
        silent: Identity,
        server: Server | None,
        timeout: float,
    ) -> Identity:
        address = silent.endpoint.address
        began = self._clock()
        talk = dialogue(SYSTEMS[driver.system], server, driver.backend_id(connection), began)
        advance = functools.partial(next, talk)
        try:
            while True:
                statement = advance()
                left = began + timeout - self._clock()
                try:
                    rows = driver.ask(connection, statement, max(left, 0.001))
                except Exception as error:
                    if is_from_signal_handler(error):
                        raise
                    self._drop_unusable(driver, connection, address, error)
                    # Refused, but alive: a server that is starting or ending, a privilege that was
                    # taken away, or another system, whose log is not to fill with errors.
                    advance = functools.partial(talk.throw, RefusedError())
                else:
                    advance = functools.partial(talk.send, rows)
        except StopIteration as end:
            learnt, answer = end.value
            self._servers.learn(address, learnt)
            return Identity(silent.endpoint, answer, learnt.source, learnt.view)

    def _drop_unusable(
        self, driver: Driver, connection: Any, address: Address, error: Exception
    ) -> None:
        """Raise, unless the connection survived `error`, an answer that came in time."""
        closed = self._shield.run("ask a driver's file", driver.is_closed, connection)
        # Where nobody can tell, nobody is handed this one.
        if isinstance(error, TimeoutError) or closed is not False:
            self._shield.run("drop a connection", driver.discard, connection)
            self._servers.learn(address, Server(Kind.SILENT, until=self._clock() + SILENCE))
            raise DroppedError from error


def pause(step: float, deadline: float) -> float:
    """Sleep for `step` seconds, not beyond `deadline`; return the next, longer step."""
    time.sleep(max(0.0, min(step, deadline - time.monotonic())))
    return step * 2
