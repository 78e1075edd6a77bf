"""A cluster whose refreshes begin and end when the test says so, and its `RefreshWorker`."""

import contextlib
import threading

from opentelemetry.context import Context

from aurora_otel.monitoring.requests import RefreshOutcome, Trigger
from aurora_otel.monitoring.worker import RefreshWorker
from tests.support.threads import REFRESH, threads
from tests.support.waiting import eventually

FOR_EVER = 60.0


class Clock:
    """Time passes when the test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Cluster:
    """A cluster whose refreshes begin and end when the test says so."""

    def __init__(self):
        self.clock = Clock()
        self.earliest = float("-inf")
        self.triggers = []
        self.running = 0
        self.most_running = 0
        self.rested = 0
        self.at_rest = lambda: None
        self.ends = threading.Semaphore(0)
        self.outcomes = []
        self.callers = []
        self.asked = []
        self.others = threads(REFRESH)
        self.workers = []
        self.is_waiting_for_its_turn = False
        self.worker = RefreshWorker(self.refresh, self._earliest, self.rest, self.clock)

    def _earliest(self):
        self.is_waiting_for_its_turn = True
        return self.earliest

    def refresh(self, trigger):
        self.workers.append(threading.current_thread())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        began = self.clock()
        self.triggers.append(trigger)
        assert self.ends.acquire(timeout=20)
        self.running -= 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return RefreshOutcome(began, *outcome)

    def rest(self):
        self.at_rest()
        self.rested += 1

    def end_refresh(self, *, confirmed=True, changed=False, heard_all=False, error=None):
        """Have the refresh that is running, or the next, end with this outcome."""
        self.outcomes.append(error or (confirmed, changed, heard_all))
        self.ends.release()

    def call(self, *, take=False, budget=FOR_EVER, suspect=None):
        """Return a thread that asks for a refresh."""
        trigger = Trigger(Context(), suspect)
        ask = self.worker.take_one if take else self.worker.ask

        def wait():
            answered = ask(trigger, budget)
            self.asked.append(trigger)
            if answered:
                answered.gate.wait(answered.seconds)

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        self.callers.append(thread)
        return thread

    def wait_for(self, number):
        """Wait until refresh `number` is running."""
        eventually(lambda: len(self.triggers) == number and self.running)

    def wait_for_calls(self, number):
        """Wait until this number of calls, in all, have asked for a refresh."""
        eventually(lambda: len(self.asked) == number)

    @property
    def is_idle(self):
        """Whether the worker has ended."""
        return set(threads(REFRESH)) <= set(self.others)


@contextlib.contextmanager
def refreshed():
    """Yield a cluster, and end its refreshes afterwards."""
    made = Cluster()
    yield made
    made.worker.stop()
    for _ in range(10):
        made.end_refresh()
    # pytest blames the test that is running for what a thread raises.
    for thread in (*made.callers, *made.workers):
        assert returned(thread)
    eventually(lambda: made.is_idle)
    assert made.most_running <= 1


def returned(thread):
    thread.join(10)
    return not thread.is_alive()
