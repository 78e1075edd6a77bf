"""The hooks of drivers and pools: what each of them begins, in this process and once it is over.

Each is there as steps, for an event loop, and carried out in the calling thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from aurora_otel.drivers.connects import Attempt, Opening
from aurora_otel.drivers.protocol import Driver, Failure
from aurora_otel.hooks.explanations import Before
from aurora_otel.hooks.pool_meters import Meter
from aurora_otel.hooks.use_cases import UseCases
from aurora_otel.model.endpoints import Address
from aurora_otel.pools.protocol import Description
from aurora_otel.runtime import blocking, coroutines
from aurora_otel.runtime.effects import Pause, Reconnect, Steps
from aurora_otel.runtime.shield import Shield
from aurora_otel.tracking.track import Track

T = TypeVar("T")
# Between two checks of what another thread is about to do: seconds.
_STEP = 0.001


class Owner(Protocol):
    """The agent that carries the hooks out."""

    shield: Shield

    @property
    def use_cases(self) -> UseCases:
        """What it does in this process; others after a fork."""

    @property
    def is_stopped(self) -> bool:
        """Whether it does nothing any more."""

    def is_here(self) -> bool:
        """Return whether its state is this process's, and see to it that it soon is."""

    def ensure_threads(self) -> None:
        """Start what runs beside the application, if that has not begun or has died."""


class AgentHooks:
    """The `Hooks` of the drivers and of the pools."""

    def __init__(self, agent: Owner) -> None:
        self._agent = agent
        self._shield = agent.shield

    # A connection.

    def opened(self, driver: Driver, opening: Opening) -> Any:
        """Identify and track a new connection; return the one to hand to the application."""
        return blocking.run(self.opened_steps(driver, opening))

    def opened_steps(self, driver: Driver, opening: Opening) -> Steps[Any]:
        """Return the steps of `opened`, for a runner."""
        if not self._agent.is_here():
            yield from self._arrive()
        if self._agent.is_stopped or self._shield.is_inside:
            return opening.connection
        connection = yield from self._agent.use_cases.openings.receive(driver, opening)
        self._ensure_threads()
        return connection

    def connect_steps(self, driver: Driver, attempt: Attempt) -> Steps[Any]:
        """Return the steps of a connect: it is made, identified and tracked."""
        if not self._agent.is_here():
            yield from self._arrive()
        if self._agent.is_stopped or self._shield.is_inside:
            return (yield Reconnect(attempt.connect))
        use_cases = self._agent.use_cases
        connection, route = yield from use_cases.connecting.connect(driver, attempt)
        opening = self.guarded(attempt.opening, connection)
        if opening is None or self._agent.is_stopped:
            return connection
        connection = yield from use_cases.openings.receive(driver, opening, attempt, route)
        self._ensure_threads()
        return connection

    def goes_straight(self, host: Address) -> bool:
        """Return whether a connect to `host` would be led straight to the writer now."""
        use_cases = self._agent.use_cases
        if not use_cases.context.routes:
            return False
        find = use_cases.connecting.route_to
        return self._shield.run("find the way to the writer", find, host) is not None

    def closed(self, track: Track) -> None:
        """Take note that the application closed the connection. Only appends."""
        if not track.closed and self._owns(track):
            track.closed = True
            self._agent.use_cases.context.tracker.note(track)

    # A call.

    def before_call(self, track: Track) -> None:
        """Prepare a call on a cluster whose state is in doubt."""
        blocking.run(self.before_call_steps(track))

    def before_call_steps(self, track: Track) -> Steps[None]:
        """Return the steps of `before_call`, for a runner."""
        if self._owns(track) and not self._shield.is_inside:
            prepare = self._agent.use_cases.before_calls.prepare
            yield from self._shield.steps("prepare a call", prepare, track)

    def failed(
        self, track: Track, failure_of: Callable[[], Failure], error: Exception | None = None
    ) -> None:
        """Take note of an error; act on it if it is a symptom, and explain it."""
        blocking.run(self.failed_steps(track, failure_of, error))

    def failed_steps(
        self, track: Track, failure_of: Callable[[], Failure], error: Exception | None = None
    ) -> Steps[None]:
        """Return the steps of `failed`, for a runner."""
        is_inside = self._shield.is_inside
        yield from self._shield.steps(
            "respond to a symptom", self._fail, track, failure_of, error, is_inside=is_inside
        )

    def given_up(self, track: Track, since: float) -> None:
        """Take note that the application gave up a call that began at `since`, in seconds."""
        note = self._agent.use_cases.call_errors.given_up
        self._shield.run("note a call that was given up", note, track, since)

    def hung_up(self, track: Track) -> None:
        """Take note that the server hung up on an idle connection. Only appends."""
        if not track.lost:
            track.lost = True
            if not track.closed and track.is_tracked and self._owns(track):
                self._agent.use_cases.call_errors.hung_up(track)

    def guarded(self, question: Callable[..., T], *args: Any) -> T | None:
        """Ask a driver's file something; what goes wrong there goes no further: `None`."""
        return self._shield.run("ask a driver's file", question, *args)

    # A pool.

    def is_usable(self, connection: Any) -> bool:
        """Return whether a pool may hand `connection` out; refresh first, if that is due."""
        is_plainly_usable = self._agent.use_cases.checkouts.is_plainly_usable
        return is_plainly_usable(connection) or blocking.run(self.is_usable_steps(connection))

    async def is_usable_on_loop(self, connection: Any) -> bool:
        """As `is_usable`, on an event loop, which goes on meanwhile."""
        if self.is_plainly_usable(connection):
            return True
        return await coroutines.run(self.is_usable_steps(connection))

    def is_plainly_usable(self, connection: Any) -> bool:
        """Return whether nothing is in doubt about `connection`, so that no steps are needed."""
        # Also in a child whose fork was not reported: there, an inherited one is not to be judged.
        return self._agent.use_cases.checkouts.is_plainly_usable(connection)

    def is_usable_steps(self, connection: Any) -> Steps[bool]:
        """Return the steps of `is_usable`, for a runner."""
        if not self._agent.is_here():
            return True
        return (yield from self._agent.use_cases.checkouts.is_usable(connection))

    def is_gone(self, connection: Any) -> bool:
        """Return whether a loop has closed the socket of `connection`, which is idle."""
        return self._agent.is_here() and self._agent.use_cases.checkouts.is_gone(connection)

    def is_invalidated(self, connection: Any) -> bool:
        """Return whether the agent has invalidated `connection`, without checking its socket."""
        is_here = self._agent.is_here()
        return is_here and self._agent.use_cases.checkouts.is_invalidated(connection)

    def meters(self, describe: Callable[[Any], Description]) -> Callable[[Any], Meter]:
        """Return a function that returns what measures a pool."""
        return self._agent.use_cases.meters.finder(describe)

    def _fail(
        self,
        track: Track,
        failure_of: Callable[[], Failure],
        error: Exception | None,
        *,
        is_inside: bool,
    ) -> Steps[None]:
        failure = failure_of()
        if self._owns(track):
            use_cases = self._agent.use_cases
            before = Before(use_cases.context.clock(), was_shut_down=track.is_shut_down)
            may_wait = failure.may_wait and not is_inside
            yield from use_cases.call_errors.respond(track, failure, may_wait=may_wait)
            if error is not None:
                use_cases.explanations.explain(error, track, failure, before)
        else:
            track.lost = track.lost or failure.lost

    def _arrive(self) -> Steps[None]:
        """Wait until the agent's state is this process's."""
        while not self._agent.is_here():
            # Another thread is at it.
            yield Pause(_STEP)

    def _owns(self, track: Track) -> bool:
        """Return whether it is this agent's, and was opened in this process."""
        return self._agent.is_here() and not self._agent.is_stopped and track.cluster.is_ours

    def _ensure_threads(self) -> None:
        self._shield.run("start the background loop", self._agent.ensure_threads)
