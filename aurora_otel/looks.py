"""One look at a time at a cluster's topology, and calls that wait for it within their budget.

A look runs on a thread of ours, so that a call that has waited long enough goes on while the look
ends by itself. The thread lives for as long as somebody wants an answer.

Calls wait in the application's threads, where a signal handler may raise at any time. The lock is
taken by `with` alone, which no signal can part from its release; and what is waited for is a gate.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.context import Context

from aurora_otel.gate import Gate
from aurora_otel.topology import Source


@dataclass(frozen=True, slots=True)
class Order:
    """What a look is started with.

    Attributes:
        context: of the call that looks; empty for the background loop.
        suspect: the instance that showed a symptom: asked last.
        hint: the instance that somebody names as the writer: asked first.
        stuck: whether a call that does not return is the reason.
        source: who gave the hint.
    """

    context: Context
    suspect: str | None = None
    hint: str | None = None
    stuck: bool = False
    source: Source = Source.SQL


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a look.

    Attributes:
        began: when its reading began, in seconds of the monotonic clock.
        confirmed: whether a writer confirmed itself.
        changed: whether that was another writer.
    """

    began: float
    confirmed: bool
    changed: bool


class Looks:
    """The looks at one cluster.

    Args:
        look: takes one look, acts on it, and tells what came of it; called on our thread.
        earliest: returns when the next look that a symptom asks for may begin.
        rest: called on our thread when nobody wants an answer any more.
        clock: the monotonic clock.
    """

    def __init__(
        self,
        look: Callable[[Order], Outcome],
        earliest: Callable[[], float],
        rest: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._look = look
        self._earliest = earliest
        self._rest = rest
        self._clock = clock
        self._lock = threading.RLock()
        self._gates: set[Gate] = set()
        self._stopping = Gate()
        self._thread: threading.Thread | None = None
        self._stopped = False
        # A reading that began at or after this time is an answer to everybody.
        self._wanted = float("-inf")
        # Until then the thread tries again.
        self._until = float("-inf")
        self._answered = float("-inf")
        self._attempts = 0
        # What the look that is running could not know yet: the next one starts with it.
        self._news: Order | None = None

    def answered_since(self, time: float) -> bool:
        """Whether a reading that began at or after `time` was confirmed."""
        return self._answered >= time

    def ask(self, order: Order, budget: float) -> None:
        """Look, or join the look that is running, and wait until there is an answer.

        Without one, looks are repeated for as long as somebody's budget lasts.

        Args:
            order: what to start with, if none is running.
            budget: seconds to wait at most.
        """
        since = self._clock()
        gate = Gate(lambda: self._answered >= since)
        with self._lock:
            self._wanted = max(self._wanted, since)
            self._until = max(self._until, since + budget)
            if not self._start(order):
                return
            self._gates.add(gate)
        self._wait(gate, budget)

    def take_one(self, order: Order, budget: float) -> None:
        """Look once, unless a look is running; wait for it.

        Args:
            order: what to start with.
            budget: seconds to wait at most; 0 does not wait.
        """
        with self._lock:
            if self._thread is not None or not self._start(order):
                return
            attempts = self._attempts
            gate = Gate(lambda: self._attempts != attempts)
            self._gates.add(gate)
        self._wait(gate, budget)

    def look_at_news(self, order: Order) -> None:
        """Look with `order`, after the look that is running if there is one; wait for nothing."""
        with self._lock:
            self._news = order
            self._start(order)

    def rest(self) -> None:
        """Let go of what looks keep open, unless one is running."""
        with self._lock:
            if self._thread is None:
                self._rest()

    def stop(self) -> threading.Thread | None:
        """Look no more; return the thread that may still be at it."""
        with self._lock:
            self._stopped = True
            self._stopping.open()
            self._open_gates()
            return self._thread

    def _start(self, order: Order) -> bool:
        """Start the thread, unless it runs; called under the condition."""
        if self._stopped:
            return False
        if self._thread is None:
            thread = threading.Thread(
                target=self._run, args=(order,), name="aurora-otel-look", daemon=True
            )
            self._thread = thread
            try:
                thread.start()
            except RuntimeError:
                # The interpreter is shutting down.
                self._thread = None
                return False
            except BaseException:
                # Interrupted: the thread may have started, and finds that it is not wanted.
                self._thread = None
                raise
        return True

    def _run(self, order: Order) -> None:
        try:
            while self._wait_for_turn():
                order = self._take_news() or order
                outcome = self._look(order)
                with self._lock:
                    self._attempts += 1
                    if outcome.changed:
                        # News answer everybody, also who asked while it was read.
                        self._answered = self._clock()
                    elif outcome.confirmed:
                        self._answered = max(self._answered, outcome.began)
                    if self._is_satisfied():
                        self._end()
                        return
                    self._open_gates()
        finally:
            with self._lock:
                if self._thread is threading.current_thread():
                    self._end()

    def _end(self) -> None:
        # With the decision to end, in one hold: whoever asks from here on starts a new thread.
        self._thread = None
        self._open_gates()
        self._rest()

    def _open_gates(self) -> None:
        """Let those go on who have their answer; all of them, if none is to come."""
        none_to_come = self._thread is None or self._stopped
        due = {gate for gate in self._gates if none_to_come or gate.is_due()}
        self._gates -= due
        for gate in due:
            gate.open()

    def _wait(self, gate: Gate, seconds: float) -> None:
        if not gate.wait(seconds):
            with self._lock:
                self._gates.discard(gate)

    def _take_news(self) -> Order | None:
        with self._lock:
            news, self._news = self._news, None
            return news

    def _is_satisfied(self) -> bool:
        if self._news is not None:
            return False
        return self._answered >= self._wanted or self._clock() >= self._until

    def _wait_for_turn(self) -> bool:
        while (left := self._earliest() - self._clock()) > 0 and not self._stopped:
            self._stopping.wait(left)
        with self._lock:
            return self._thread is threading.current_thread() and not self._stopped
