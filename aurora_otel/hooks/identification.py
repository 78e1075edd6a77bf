"""Identification: which instance did a connection land on?"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from aurora_otel.discovery import SYSTEMS, TopologySource
from aurora_otel.discovery.identify import Kind, RefusedError, Server, dialogue
from aurora_otel.discovery.servers import Question, Servers
from aurora_otel.discovery.source import NoAnswerError, goes_by_address, hears_all, located
from aurora_otel.drivers.connects import Opening
from aurora_otel.drivers.protocol import Driver
from aurora_otel.model import service_names, single_names
from aurora_otel.model.endpoints import Address, Endpoint, EndpointMap, EndpointType
from aurora_otel.model.peers import called_by
from aurora_otel.model.topology import Answer, Role
from aurora_otel.runtime import sockets
from aurora_otel.runtime.effects import Ask, Steps
from aurora_otel.runtime.shield import Shield, is_from_signal_handler

# What a connection waits for an answer, by a driver that cannot leave it for later: so many times
# IDENTIFY_TIMEOUT. To give the connection up sooner could cost the application its last free slot,
# which the server's session goes on to hold until it has answered.
_ENDURANCE = 10.0
# While one connection's question has been unanswered for this share of IDENTIFY_TIMEOUT, no other
# one is asked: a healthy server answers in a few milliseconds, and one under load gets no more.
_PATIENCE = 0.1


class Identity(NamedTuple):
    """Where a connection landed.

    Attributes:
        endpoint: what the application connected to.
        answer: what the instance said, if it was asked and answered.
        source: the kind of cluster that the instance belongs to, if it is of one.
        view: whether its topology can be read by SQL.
        postponed: whether the connection is to be asked later: the server is slow now.
        dropped: whether the connection is no longer usable.
        peer: the network address at its other end, if that is known.
        at: the instance, where that address is its name, and it was not asked, or did not answer.
    """

    endpoint: Endpoint
    answer: Answer | None = None
    source: TopologySource | None = None
    view: bool = False
    postponed: bool = False
    dropped: bool = False
    peer: Address | None = None
    at: str | None = None

    @property
    def instance(self) -> str | None:
        """The instance, by its own word, its address, or the endpoint's name."""
        return self.answer.instance if self.answer else self.at or self.endpoint.instance

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
        found_pooler: called with the address at which a pooler was found.
        is_writer: whether an instance is the known writer where an endpoint leads.
    """

    def __init__(
        self,
        servers: Servers,
        clock: Callable[[], float],
        shield: Shield,
        found_pooler: Callable[[Address], None],
        is_writer: Callable[[Endpoint, str], bool] = lambda *_: False,
    ) -> None:
        self._servers = servers
        self._clock = clock
        self._shield = shield
        self._found_pooler = found_pooler
        self._is_writer = is_writer

    def identify(
        self,
        driver: Driver,
        opening: Opening,
        endpoints: EndpointMap,
        timeout: float,
        *,
        is_known: Callable[[Endpoint], bool],
    ) -> Steps[Identity]:
        """Return where a new connection landed; ask it only where that is needed and harmless.

        Args:
            driver: of the connection.
            opening: the connection.
            endpoints: what the settings say of host names.
            timeout: seconds that asking may take.
            is_known: whether the topology behind an instance endpoint was read before.
        """
        connection = opening.connection
        endpoint = endpoints.classify(*driver.address(connection))
        if endpoint.type is EndpointType.PROXY or (endpoint.instance and is_known(endpoint)):
            return Identity(endpoint)
        server, at = self._servers.get(endpoint.address, self._clock()), None
        if server is not None and goes_by_address(server.source):
            endpoint = single_names.explained(endpoint)
            here = sockets.peer(driver.fileno(connection))
            at = called_by(here) if here is not None else None
            if at is not None and self._is_writer(endpoint, at):
                return Identity(endpoint, at=at)
        if not driver.accepts_questions(connection, opening.login):
            return Identity(endpoint)
        identity = yield from self.ask(driver, connection, endpoint, timeout)
        return identity._replace(at=at) if identity.postponed else identity

    def ask(
        self, driver: Driver, connection: Any, endpoint: Endpoint, timeout: float
    ) -> Steps[Identity]:
        """Return what a connection that accepts questions answers, if it can be asked now.

        Args:
            driver: of the connection.
            connection: the connection.
            endpoint: what it was opened to.
            timeout: seconds that asking may take.
        """
        address, now = endpoint.address, self._clock()
        server = self._servers.get(address, now)
        if (server is not None and not server.can_answer) or not driver.is_idle(connection):
            return Identity(endpoint)
        question = Question(now)
        try:
            if not self._servers.admits(address, question, timeout * _PATIENCE):
                return Identity(endpoint, postponed=True)
            return (yield from self._ask(driver, connection, endpoint, server, timeout))
        finally:
            question.is_over = True

    def may_ask(self, driver: Driver, endpoint: Endpoint) -> bool:
        """Return whether asking a connection to `endpoint` may be of use now; asks nothing."""
        return endpoint.type is not EndpointType.PROXY and self._servers.may_ask(
            endpoint.address, self._clock(), is_kept=driver.postpones_answers
        )

    def _ask(
        self,
        driver: Driver,
        connection: Any,
        endpoint: Endpoint,
        server: Server | None,
        timeout: float,
    ) -> Steps[Identity]:
        """Have the dialogue with a server, as long as that answers in time."""
        address, began = endpoint.address, self._clock()
        talk = dialogue(
            SYSTEMS[driver.system],
            server,
            driver.backend_id(connection),
            began,
            is_member=self._servers.is_member(address),
            # Only a server that is not known yet is probed.
            is_single=server is None and self._servers.is_single(address),
        )
        endurance = timeout if driver.postpones_answers else timeout * _ENDURANCE
        advance = functools.partial(next, talk)
        try:
            while True:
                statement = advance()
                elapsed = self._clock() - began
                if elapsed >= timeout:
                    # The next question would be as late.
                    self._servers.back_off(address, self._clock())
                    return Identity(endpoint, postponed=True)
                try:
                    rows = yield Ask(driver.ask, connection, statement, endurance - elapsed)
                except BaseException as error:
                    if not isinstance(error, Exception) or is_from_signal_handler(error):
                        self._give_up(driver, connection)
                        raise
                    if unanswered := self._unanswered(driver, connection, endpoint, error):
                        return unanswered
                    # Refused, but alive: a server that is starting or ending, a privilege that was
                    # taken away, or another system, whose log is not to fill with errors.
                    advance = functools.partial(talk.throw, RefusedError())
                else:
                    advance = functools.partial(talk.send, rows)
        except StopIteration as end:
            learnt, answer = end.value
            self._learn(address, learnt, is_slow=self._clock() - began >= timeout)
            return _identity(endpoint, learnt, answer, lambda: driver.fileno(connection))
        finally:
            # Else it would be closed as garbage some time, where a signal's exception is swallowed.
            talk.close()

    def _learn(self, address: Address, server: Server, *, is_slow: bool) -> None:
        """Remember what a server is, and whether it was slow to say so."""
        self._servers.learn(address, server, self._clock())
        if server.kind is Kind.POOLER:
            self._found_pooler(address)
        if is_slow:
            self._servers.back_off(address, self._clock())
        else:
            self._servers.answered(address)

    def _give_up(self, driver: Driver, connection: Any) -> None:
        """Drop a connection whose question was interrupted: the answer would be the next call's."""
        if not driver.postpones_answers:
            self._shield.run("drop a connection", driver.discard, connection)

    def _unanswered(
        self, driver: Driver, connection: Any, endpoint: Endpoint, error: Exception
    ) -> Identity | None:
        """Return what is left to say if `error` means that no answer came; `None` if it is one."""
        closed = self._shield.run("ask a driver's file", driver.is_closed, connection)
        is_timeout = isinstance(error, TimeoutError)
        if not is_timeout and closed is False:
            return None
        self._servers.back_off(endpoint.address, self._clock())
        # Where it is unknown whether it is closed, the application is not handed this one.
        is_kept = is_timeout and closed is False and driver.postpones_answers
        return Identity(endpoint, postponed=is_kept, dropped=not is_kept)


def _identity(
    endpoint: Endpoint, server: Server, answer: Answer | None, fileno: Callable[[], int]
) -> Identity:
    """Return where a connection landed, by what its server is and answered."""
    source = server.source
    if hears_all(source):
        endpoint = service_names.explained(endpoint)
    elif source is not None and goes_by_address(source):
        endpoint = single_names.explained(endpoint)
        try:
            answer = located(source, answer, sockets.peer(fileno())) if answer else None
        except NoAnswerError:
            answer = None
    return Identity(endpoint, answer, source, server.view)
