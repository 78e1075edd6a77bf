"""Errors of calls: which are symptoms, and what a call with one waits for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from aurora_otel.discovery.source import hears_all
from aurora_otel.drivers.protocol import Failure
from aurora_otel.hooks.reidentification import Reidentification
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Role
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.runtime.effects import Pause, Steps
from aurora_otel.settings import Mode
from aurora_otel.tracking.track import Track

# How often what another thread is about to do is checked: seconds.
_STEP = 0.001
# Statements that end well seldom take so long, and no application gives up much earlier: seconds.
_LONG = 0.25


class CallErrors:
    """Responds to the errors of calls.

    Attributes:
        deferred: symptoms of hooks that could not wait, for the background loop.

    Args:
        context: what it works with.
        reidentification: asks connections whose instance is unknown.
        wake: has the background loop run now.
    """

    def __init__(
        self, context: AgentContext, reidentification: Reidentification, wake: Callable[[], None]
    ) -> None:
        self.deferred: deque[tuple[Track, Symptom]] = deque()
        self._context = context
        self._reidentification = reidentification
        self._wake = wake

    def respond(self, track: Track, failure: Failure, *, may_wait: bool) -> Steps[None]:
        """Take note of an error on a tracked connection; refresh if it is a symptom.

        Args:
            track: of the connection.
            failure: what the error means.
            may_wait: whether the call may wait for a verdict.
        """
        deadline = self._context.clock() + self._context.config.settings.refresh_timeout
        known_as_lost, track.lost = track.lost, track.lost or failure.lost
        symptom = failure.symptom
        # What the agent invalidated, the application closed, or is gone already, says nothing new.
        gone = known_as_lost or track.closed or not track.is_tracked
        if symptom is None or not track.cluster.is_ours:
            return
        if symptom is Symptom.READ_ONLY:
            self._context.tracker.note_refusal(track.group)
        if failure.is_of_reader and track.instance and hears_all(track.cluster.source):
            # Its own word, where no other connection may lead to it any more.
            track.cluster.note_claims({track.instance: None}, self._context.clock())
        if not gone:
            yield from self._note(track, symptom, failure, may_wait=may_wait)
        if symptom is Symptom.READ_ONLY and may_wait:
            yield from self._wait_until_invalidated(track, deadline)

    def hung_up(self, track: Track) -> None:
        """Have the topology refreshed: a connection was lost that was in no call. Only appends.

        Nothing else, because a loop hears of all connections to a server in one turn.
        """
        track.hung_up = True
        track.cluster.monitor.lost([track])
        self._context.tracker.note(track)
        self._defer(track, Symptom.HUNG_UP)

    def given_up(self, track: Track, since: float) -> None:
        """Have the topology refreshed where a call was in flight for long: its server may hang.

        An application's own limits hide a hang: such a call is not found stuck later.

        Args:
            track: of the connection.
            since: when the call began, in seconds of the monotonic clock.
        """
        if self._context.clock() - since < _LONG or not track.is_tracked:
            return
        if self._context.config.settings.stuck_after and track.cluster.is_ours:
            self._defer(track, Symptom.STUCK)

    def _defer(self, track: Track, symptom: Symptom) -> None:
        was_empty = not self.deferred
        self.deferred.append((track, symptom))
        # One wake is enough for all; but the loop may have worked the others off just now.
        if was_empty or len(self.deferred) == 1:
            self._wake()

    def _note(
        self, track: Track, symptom: Symptom, failure: Failure, *, may_wait: bool
    ) -> Steps[None]:
        if symptom is Symptom.CONNECTION_LOST:
            track.cluster.monitor.lost([track])
        is_first_refusal = symptom is Symptom.READ_ONLY and not track.refused
        if is_first_refusal:
            track.refused_by_reader = failure.is_of_reader
            track.refused_at = self._context.clock()
            self._context.tracker.note(track)
        if not may_wait:
            self._defer(track, symptom)
            return
        began = self._context.clock()
        if is_first_refusal and track.instance is None and track.endpoint is not None:
            # A name that led to a plain server may lead to an Aurora by now.
            self._context.servers.doubt(track.endpoint.address, began)
        yield from self._reidentification.identify(track, may_wait=symptom is Symptom.READ_ONLY)
        if track.cluster.has_topology:
            monitor, is_stale = track.cluster.monitor, False
            if is_first_refusal and hears_all(track.cluster.source):
                track.cluster.detector.note_refusal(track, began)
                is_stale = self._is_to_be_shut_down(track)
                if track.role is Role.READER:
                    monitor.back_as_reader()
            yield monitor.symptom(symptom, suspect=track.instance, is_stale=is_stale)
            is_confirmed = monitor.answered_since(began)
            is_explained = is_confirmed and not (is_first_refusal and track.is_on_writer)
            if symptom is Symptom.READ_ONLY and not is_explained:
                # The transaction is read-only, or the server is another one than it was.
                track.doubted = True
                yield from self._reidentification.identify(track)

    def _is_to_be_shut_down(self, track: Track) -> bool:
        """Return whether a connection is shut down if the writer confirms itself."""
        is_kept = self._context.config.settings.mode is Mode.OBSERVE
        return not is_kept and track.cluster.detector.staleness(track) is not None

    def _wait_until_invalidated(self, track: Track, deadline: float) -> Steps[None]:
        """Wait, if a connection is being invalidated, until that is done, or until `deadline`.

        A verdict claims all of them first, and shuts them down one by one: a call that returned
        meanwhile would have the next write refused, too.
        """
        while track.is_being_invalidated and self._context.clock() < deadline:
            yield Pause(_STEP)
