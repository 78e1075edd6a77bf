"""One run: the application under load, events one after the other, everything judged."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from aurora_otel.lab import Cluster
from tests.chaos.director import Director
from tests.chaos.facts import Fact, Left, Raised, Tally
from tests.chaos.invariants import Invariant, all_of_them
from tests.chaos.plan import Event
from tests.chaos.process import Process
from tests.support.waiting import eventually

# Seconds of load before the first event, and after the last one.
_QUIET = 0.5


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold.

    Attributes:
        promise: of the invariant.
        what: was wrong.
        events: how many events had happened by then.
    """

    promise: str
    what: str
    events: int


@dataclass(slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        events: what was to happen.
        violation: the first one, which ended the run.
        judged: how many facts there were, by kind.
        counts: the application's tally.
        seconds: how long it took.
    """

    events: tuple[Event, ...]
    violation: Violation | None = None
    judged: Counter[str] = field(default_factory=Counter)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


class Run:
    """Runs a plan on a cluster.

    Args:
        cluster: its table `writes` is there.
        events: what happens.
        bug: the planted bug, if there is to be one.
        loops: whether tasks of an event loop are part of the application.
    """

    def __init__(
        self,
        cluster: Cluster,
        events: Sequence[Event],
        bug: str | None = None,
        *,
        loops: bool = False,
    ) -> None:
        self._cluster = cluster
        self._bug = bug
        self._loops = loops
        self._outcome = Outcome(tuple(events))
        self._invariants: tuple[Invariant, ...] = all_of_them(cluster.kind)
        self._happened = 0

    def outcome(self) -> Outcome:
        """Run it."""
        began = time.monotonic()
        self._cluster.heal()
        with Process(self._cluster, self._bug, loops=self._loops) as process:
            director = Director(self._cluster, process.command)
            try:
                self._go_through(process, director)
            finally:
                director.put_right()
        self._outcome.seconds = time.monotonic() - began
        return self._outcome

    def _go_through(self, process: Process, director: Director) -> None:
        process.wait_for(object)
        director.wait(_QUIET)
        for event in self._outcome.events:
            director.wait(event.pause)
            director.carry_out(event)
            self._happened += 1
            if self._is_broken(process, director):
                return
        director.wait(_QUIET)
        director.put_right()
        process.command("stop")
        if not process.wait_for(Tally):
            self._judge(
                Raised(time.monotonic(), "at the end", "the application never left"), director
            )
        if not self._is_broken(process, director):
            for left in self._sessions():
                self._judge(left, director)

    def _is_broken(self, process: Process, director: Director) -> bool:
        """Judge what was reported so far; the truth is known up to now."""
        for fact in process.facts(time.monotonic()):
            self._judge(fact, director)
            if self._outcome.violation:
                return True
        return False

    def _judge(self, fact: Fact, director: Director) -> None:
        self._outcome.judged[type(fact).__name__] += 1
        if isinstance(fact, Tally):
            self._outcome.counts = dict(fact.counts)
        for invariant in self._invariants:
            for what in invariant.judge(fact, director.truth):
                if self._outcome.violation is None:
                    self._outcome.violation = Violation(invariant.promise, what, self._happened)

    def _sessions(self) -> list[Left]:
        """Return how many sessions of the application's are left, which has closed all."""

        def left() -> dict[str, int]:
            return {each: self._cluster.sessions(each) for each in self._cluster.instances}

        with contextlib.suppress(AssertionError):
            eventually(lambda: not any(left().values()))
        now = time.monotonic()
        return [Left(now, f"sessions on {each}", 0, number) for each, number in left().items()]
