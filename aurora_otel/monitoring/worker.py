"""One refresh at a time of a cluster's topology, and calls that wait for it within their budget.

A refresh runs on a thread of the agent's, the worker, so that a call that has waited long enough
goes on while the refresh ends by itself. The worker lives for as long as an answer is wanted.

Calls ask in the application's threads, where a signal handler may raise at any time, and where
nothing may be waited for but the answer: a thread that holds a lock of the agent's may be
collecting garbage, and a finalizer in there may want a lock of the application's that the call
holds. So there is no lock. A call puts its request into an inbox, starts a thread if there is no
worker, and waits at a gate of its own. All else is done by the worker, of which there is one,
because it has claimed the only place. A call that finds the place taken relies on this: a worker
that has left checks the inbox once more.

Times are seconds of the monotonic clock.
"""

from __future__ import annotations

import _thread
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable

from aurora_otel.monitoring.requests import NEVER, RefreshOutcome, Request, Trigger
from aurora_otel.runtime.effects import Wait
from aurora_otel.runtime.gate import Gate
from aurora_otel.runtime.shield import is_from_signal_handler
from aurora_otel.runtime.signals import block_sigpipe

_WORKER = "worker"


class RefreshWorker:
    """The refreshes of one cluster.

    No method waits for anything: those that ask return what a call may wait for.

    Args:
        refresh: refreshes once, acts on it, and returns what came of it; called on the worker's
            thread.
        earliest: returns when the next refresh that a symptom asks for may begin.
        rest: called on the worker's thread when no answer is wanted any more.
        clock: the monotonic clock.
    """

    def __init__(
        self,
        refresh: Callable[[Trigger], RefreshOutcome],
        earliest: Callable[[], float],
        rest: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._refresh = refresh
        self._earliest = earliest
        self._rest = rest
        self._clock = clock
        # What callers touch: by single steps that nothing parts, neither a thread nor a signal.
        self._inbox: deque[Request] = deque()
        self._stopped = False
        # Opened once more each time that the worker is to see whether its turn has come.
        self._turn = Gate()
        # The worker, by no more than one key: `setdefault` is the claim.
        self._place: dict[str, threading.Thread] = {}
        # All below is the worker's; others only read it.
        self._is_refreshing = False
        self._waiting: list[Request] = []
        # A reading that began at or after this time is an answer to every request.
        self._wanted = NEVER
        # Until then the worker tries again.
        self._until = NEVER
        self._answered = NEVER
        # What the refresh that is running could not know yet: the next one starts with it.
        self._hint: Trigger | None = None

    def answered_since(self, time: float) -> bool:
        """Return whether a reading that began at or after `time` was confirmed."""
        return self._answered >= time

    def ask(self, trigger: Trigger, budget: float) -> Wait:
        """Refresh, or join the refresh that is running; return the wait for an answer.

        Without one, refreshes are repeated for as long as any budget lasts.

        Args:
            trigger: what to start with, if none is running.
            budget: seconds to wait at most.
        """
        now = self._clock()
        is_hint = trigger.heard is not None
        request = Request(trigger, since=now, until=now + budget, is_hint=is_hint)
        return self._request(request, budget)

    def take_one(self, trigger: Trigger, budget: float) -> Wait | None:
        """Refresh once, unless a refresh is running; return the wait for it.

        Args:
            trigger: what to start with.
            budget: seconds to wait at most.
        """
        if self._inbox:
            # A refresh is about to run; the call that asked may have been interrupted in between.
            self._ensure_worker()
            return None
        return None if self._is_refreshing else self._request(Request(trigger), budget)

    def refresh_with_hint(self, trigger: Trigger) -> None:
        """Refresh with `trigger`, after the one that is running, if any; wait for nothing."""
        self._request(Request(trigger, is_hint=True), 0.0)

    def reconsider(self) -> None:
        """Begin a refresh that was put off, if it may begin by now; wait for nothing."""
        self._turn.open()

    def rest(self) -> None:
        """Release what refreshes keep open, unless one is running; wait for nothing."""
        # As every worker does at its end, also one that finds nothing to do.
        self._ensure_worker()

    def stop(self) -> threading.Thread | None:
        """Refresh no more; return the thread that may still be at it."""
        self._stopped = True
        self._turn.open()
        # In the order in which the worker moves them, so that none is missed.
        _open_gates([*self._inbox, *self._waiting])
        return self._place.get(_WORKER)

    # In the thread that asks.

    def _request(self, request: Request, budget: float) -> Wait:
        self._inbox.append(request)
        self._ensure_worker()
        # What made it may have brought the next refresh forward.
        self.reconsider()
        return Wait(request.gate, budget)

    def _ensure_worker(self) -> None:
        """Start a worker, unless there is one; where none can be, have no call wait.

        It is started by one call into C. `Thread.start` waits for the new thread, without limit
        and by means that a signal may leave broken: that is done on a thread of the agent's. Of
        several that are started at the same moment, one goes on.
        """
        if self._stopped:
            self._release_inbox()
        elif not self._place:
            try:
                _thread.start_new_thread(self._start_worker, ())
            except RuntimeError as error:
                if is_from_signal_handler(error):
                    raise
                # The interpreter is shutting down.
                self._release_inbox()

    def _release_inbox(self) -> None:
        _open_gates([*self._inbox])

    # On the agent's own threads, where no signal handler runs.

    def _start_worker(self) -> None:
        if self._place:
            return
        try:
            threading.Thread(target=self._run, name="aurora-otel-refresh", daemon=True).start()
        except RuntimeError:
            # The interpreter is shutting down.
            self._release_inbox()

    def _run(self) -> None:
        worker = threading.current_thread()
        if self._place.setdefault(_WORKER, worker) is not worker:
            return
        block_sigpipe()
        with contextlib.ExitStack() as at_the_end:
            # The last one first.
            at_the_end.callback(self._leave)
            at_the_end.callback(self._rest)
            at_the_end.callback(self._release_all)
            self._refresh_while_wanted()

    def _refresh_while_wanted(self) -> None:
        self._accept_requests()
        if not self._waiting:
            return
        self._is_refreshing = True
        trigger = self._waiting[0].trigger
        while self._wait_for_turn():
            self._accept_requests()
            trigger, self._hint = self._hint or trigger, None
            self._note(self._refresh(trigger))
            # It was true at that moment.
            trigger = trigger._replace(heard=None)
            self._accept_requests()
            if self._is_satisfied():
                return
            self._release_answered()

    def _accept_requests(self) -> None:
        """Take note of what the inbox holds."""
        while self._inbox:
            request = self._inbox[0]
            self._wanted = max(self._wanted, request.since)
            self._until = max(self._until, request.until)
            if request.is_hint:
                self._hint = request.trigger
            # In this order: `stop` finds it in one of the two.
            self._waiting.append(request)
            self._inbox.popleft()

    def _wait_for_turn(self) -> bool:
        """Wait until a refresh may begin; return whether it may."""
        while (left := self._earliest() - self._clock()) > 0 and not self._stopped:
            self._turn.wait(left)
        return not self._stopped

    def _note(self, outcome: RefreshOutcome) -> None:
        if outcome.changed and not outcome.heard_all:
            # Another writer answers every request, also those made while it was read.
            self._answered = self._clock()
        elif outcome.confirmed:
            self._answered = max(self._answered, outcome.began)

    def _is_satisfied(self) -> bool:
        if self._hint is not None:
            return False
        return self._answered >= self._wanted or self._clock() >= self._until

    def _release_answered(self) -> None:
        """Release the requests that have their answer, or have waited long enough."""
        answered, now = self._answered, self._clock()
        due = [each for each in self._waiting if answered >= each.since or now >= each.until]
        self._waiting = [
            each for each in self._waiting if answered < each.since and now < each.until
        ]
        _open_gates(due)

    def _release_all(self) -> None:
        self._is_refreshing = False
        waiting, self._waiting = self._waiting, []
        _open_gates(waiting)

    def _leave(self) -> None:
        self._place.clear()
        # A call that came meanwhile found the place taken.
        if self._inbox:
            self._ensure_worker()


def _open_gates(requests: Iterable[Request]) -> None:
    for request in requests:
        request.gate.open()
