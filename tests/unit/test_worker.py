import _thread
import gc
import threading

import pytest
from opentelemetry.context import Context

from aurora_otel.monitoring.requests import RefreshOutcome, Trigger
from aurora_otel.monitoring.worker import RefreshWorker
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
        self.workers = []
        self.worker = RefreshWorker(self.refresh, lambda: self.earliest, self.rest, self.clock)

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
        confirmed, changed = outcome
        return RefreshOutcome(began, confirmed, changed)

    def rest(self):
        self.at_rest()
        self.rested += 1

    def end_refresh(self, *, confirmed=True, changed=False, error=None):
        """Have the refresh that is running, or the next, end with this outcome."""
        self.outcomes.append(error or (confirmed, changed))
        self.ends.release()

    def call(self, *, take=False, budget=FOR_EVER, suspect=None):
        """Return a thread that asks for a refresh."""
        trigger = Trigger(Context(), suspect)
        ask = self.worker.take_one if take else self.worker.ask

        def wait():
            if answered := ask(trigger, budget):
                answered.gate.wait(answered.seconds)

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        self.callers.append(thread)
        return thread

    def wait_for(self, number):
        """Wait until refresh `number` is running."""
        eventually(lambda: len(self.triggers) == number and self.running)

    def joined(self, number):
        """Wait until this number of calls wait for a refresh that has not ended."""
        eventually(lambda: len({*self.worker._inbox, *self.worker._waiting}) == number)

    @property
    def is_idle(self):
        return not self.worker._place


@pytest.fixture
def cluster():
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


def test_a_call_waits_for_its_refresh_and_is_answered(cluster):
    caller = cluster.call(suspect="a")
    cluster.wait_for(1)
    assert caller.is_alive()
    cluster.end_refresh()
    assert returned(caller)
    assert cluster.worker.answered_since(100.0)
    assert not cluster.worker.answered_since(100.1)
    assert [trigger.suspect for trigger in cluster.triggers] == ["a"]
    assert (cluster.is_idle, cluster.rested) == (True, 1)


def test_calls_that_ask_together_share_one_refresh(cluster):
    callers = [cluster.call() for _ in range(8)]
    cluster.wait_for(1)
    cluster.joined(8)
    cluster.end_refresh()
    assert all(map(returned, callers))
    assert len(cluster.triggers) == 1


def test_a_call_whose_question_came_after_the_reading_began_waits_for_the_next(cluster):
    first = cluster.call()
    cluster.wait_for(1)
    cluster.clock.now += 1
    late = cluster.call()
    cluster.joined(2)
    cluster.end_refresh()
    assert returned(first)
    cluster.wait_for(2)
    assert late.is_alive()
    cluster.end_refresh()
    assert returned(late)


def test_another_writer_answers_every_call(cluster):
    first = cluster.call()
    cluster.wait_for(1)
    cluster.clock.now += 1
    late = cluster.call()
    cluster.joined(2)
    cluster.end_refresh(changed=True)
    assert returned(first)
    assert returned(late)
    assert len(cluster.triggers) == 1


def test_refreshes_are_repeated_while_no_writer_confirms(cluster):
    caller = cluster.call()
    for number in (1, 2, 3):
        cluster.wait_for(number)
        assert caller.is_alive()
        cluster.end_refresh(confirmed=number == 3)
    assert returned(caller)
    assert len(cluster.triggers) == 3


def test_a_call_waits_no_longer_than_its_budget_and_the_refresh_ends_by_itself(cluster):
    caller = cluster.call(budget=0.0)
    assert returned(caller)
    cluster.wait_for(1)
    cluster.end_refresh(confirmed=False)
    eventually(lambda: cluster.is_idle)
    assert (len(cluster.triggers), cluster.rested) == (1, 1)


def test_a_call_whose_budget_ends_in_the_middle_of_a_refresh_returns(cluster):
    caller = cluster.call(budget=0.05)
    cluster.wait_for(1)
    cluster.clock.now += 1
    assert returned(caller)
    assert not cluster.is_idle


def test_refreshes_go_on_for_as_long_as_the_budget_of_a_call_lasts(cluster):
    impatient = cluster.call(budget=0.0)
    assert returned(impatient)
    cluster.wait_for(1)
    patient = cluster.call()
    cluster.joined(2)
    cluster.end_refresh(confirmed=False)
    cluster.wait_for(2)
    cluster.end_refresh()
    assert returned(patient)


def test_a_refresh_begins_no_earlier_than_it_may(cluster):
    cluster.earliest = 100.05
    cluster.call()
    cluster.joined(1)
    assert cluster.triggers == []
    cluster.clock.now = 100.05
    cluster.wait_for(1)


def test_a_refresh_that_is_due_runs_once(cluster):
    caller = cluster.call(take=True)
    cluster.wait_for(1)
    assert caller.is_alive()
    cluster.end_refresh(confirmed=False)
    assert returned(caller)
    eventually(lambda: cluster.is_idle)
    assert len(cluster.triggers) == 1


def test_a_call_that_saw_nothing_does_not_wait(cluster):
    first = cluster.call()
    cluster.wait_for(1)
    assert returned(cluster.call(take=True))
    assert first.is_alive()
    assert len(cluster.triggers) == 1


def test_a_call_that_saw_a_symptom_joins_a_refresh_that_was_due(cluster):
    due = cluster.call(take=True)
    cluster.wait_for(1)
    cluster.clock.now += 1
    symptom = cluster.call()
    cluster.joined(2)
    cluster.end_refresh()
    assert returned(due)
    cluster.wait_for(2)
    cluster.end_refresh()
    assert returned(symptom)


def test_a_hint_that_comes_while_a_refresh_is_running_starts_the_next(cluster):
    cluster.call(budget=0.0)
    cluster.wait_for(1)
    cluster.worker.refresh_with_hint(Trigger(Context(), hint="b"))
    cluster.end_refresh()
    cluster.wait_for(2)
    cluster.end_refresh(confirmed=False)
    eventually(lambda: cluster.is_idle)
    assert [trigger.hint for trigger in cluster.triggers] == [None, "b"]


def test_a_hint_starts_a_refresh_though_none_is_running_and_no_call_waits(cluster):
    cluster.worker.refresh_with_hint(Trigger(Context(), hint="b"))
    cluster.wait_for(1)
    cluster.end_refresh()
    eventually(lambda: cluster.is_idle)
    assert [trigger.hint for trigger in cluster.triggers] == ["b"]


def test_stop_wakes_every_call(cluster):
    callers = [cluster.call(), cluster.call(), cluster.call()]
    cluster.wait_for(1)
    cluster.joined(3)
    thread = cluster.worker.stop()
    assert all(map(returned, callers))
    assert thread.is_alive()  # stop does not end the refresh itself
    cluster.end_refresh(confirmed=False)
    assert returned(thread)


def test_stop_wakes_a_call_that_waits_for_a_refresh_that_was_due(cluster):
    caller = cluster.call(take=True)
    cluster.wait_for(1)
    cluster.joined(1)
    cluster.worker.stop()
    assert returned(caller)


def test_stop_ends_the_waiting_for_a_turn(cluster):
    cluster.earliest = 1e6
    caller = cluster.call()
    cluster.joined(1)
    eventually(lambda: not cluster.is_idle)
    thread = cluster.worker.stop()
    assert returned(caller)
    assert returned(thread)
    assert cluster.triggers == []


def test_after_stop_there_is_no_refresh_and_no_waiting(cluster):
    assert cluster.worker.stop() is None
    assert returned(cluster.call())
    assert returned(cluster.call(take=True))
    assert cluster.triggers == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("take", [True, False])
def test_a_refresh_that_raises_leaves_nothing_stuck(cluster, take):
    caller = cluster.call(take=take)
    cluster.wait_for(1)
    cluster.end_refresh(error=ValueError("out of the fake"))
    assert returned(caller)
    assert returned(cluster.workers[0])
    eventually(lambda: cluster.is_idle)
    again = cluster.call()
    cluster.wait_for(2)
    cluster.end_refresh()
    assert returned(again)


def test_nothing_is_released_while_a_refresh_is_running(cluster):
    cluster.call()
    cluster.wait_for(1)
    cluster.worker.rest()
    assert cluster.rested == 0
    cluster.end_refresh()
    eventually(lambda: cluster.is_idle)
    cluster.worker.rest()
    eventually(lambda: cluster.rested == 2)


def test_of_many_calls_none_waits_for_ever(cluster):
    callers = []
    for number in range(200):
        callers.append(cluster.call(take=number % 3 == 0))
        cluster.clock.now += 0.001
        cluster.end_refresh(confirmed=number % 5 != 0)
    eventually(lambda: cluster.end_refresh() or not any(t.is_alive() for t in callers))
    assert cluster.most_running == 1


class Leaked:
    """Garbage whose finalizer wants a lock of the application's, as those of DBUtils do."""

    def __init__(self, lock):
        self.lock = lock
        self.itself = self

    def __del__(self):
        # For ever, but for the end of a test that fails.
        if self.lock.acquire(timeout=30):
            self.lock.release()


class Collection:
    """Garbage is collected somewhere in the agent's code, while the application holds the lock."""

    def __init__(self):
        self.lock = threading.RLock()
        self.began = threading.Event()
        self.held = threading.Event()

    def strike(self):
        if not self.began.is_set():
            self.began.set()
            assert self.held.wait(20)
            Leaked(self.lock)
            gc.collect()


@pytest.fixture
def collection():
    return Collection()


@pytest.fixture
def while_a_refresh_is_started(cluster, collection, monkeypatch):
    start = threading.Thread.start

    def strike(thread):
        if thread.name == "aurora-otel-refresh":
            collection.strike()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", strike)
    return lambda: cluster.call(take=True)


@pytest.fixture
def while_the_worker_rests(cluster, collection):
    def rest():
        cluster.call(take=True)
        cluster.wait_for(1)
        cluster.at_rest = collection.strike
        cluster.end_refresh()

    return rest


@pytest.mark.parametrize("where", ["while_a_refresh_is_started", "while_the_worker_rests"])
@pytest.mark.parametrize("method", ["ask", "take_one", "refresh_with_hint", "rest"])
def test_a_finalizer_in_the_agent_s_code_may_want_a_lock_that_a_call_holds(
    cluster, collection, where, method, request
):
    args = {"ask": (Trigger(Context()), 0.05), "take_one": (Trigger(Context()), 0.05)}
    args |= {"refresh_with_hint": (Trigger(Context()),), "rest": ()}

    def call():
        with collection.lock:
            collection.held.set()
            getattr(cluster.worker, method)(*args[method])

    request.getfixturevalue(where)()
    assert collection.began.wait(10)
    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    assert returned(caller)


@pytest.mark.parametrize("take", [True, False])
def test_a_call_that_comes_while_the_worker_rests_gets_a_refresh_afterwards(cluster, take):
    resting, go_on = threading.Event(), threading.Event()

    def at_rest():
        resting.set()
        assert go_on.wait(20)

    cluster.at_rest = at_rest
    cluster.call(budget=0.0)
    cluster.end_refresh()
    assert resting.wait(10)
    cluster.clock.now += 1
    caller = cluster.call(take=take)
    cluster.joined(1)
    assert len(cluster.triggers) == 1
    go_on.set()
    cluster.wait_for(2)
    cluster.end_refresh()
    assert returned(caller)


class InterruptError(Exception):
    """As a signal handler raises it."""


@pytest.fixture
def no_thread(monkeypatch):
    """Return a function that makes the next start of a thread fail with an error."""

    def fail(error):
        def start(*_):
            monkeypatch.undo()
            raise error

        monkeypatch.setattr(_thread, "start_new_thread", start)

    return fail


@pytest.mark.parametrize("method", ["ask", "take_one", "rest"])
def test_what_an_interrupted_call_leaves_half_done_the_next_one_mends(cluster, no_thread, method):
    no_thread(InterruptError())
    with pytest.raises(InterruptError):
        cluster.worker.ask(Trigger(Context(), "a"), 0.0)
    args = () if method == "rest" else (Trigger(Context(), "b"), 0.0)
    getattr(cluster.worker, method)(*args)
    cluster.wait_for(1)
    cluster.end_refresh()
    eventually(lambda: cluster.is_idle)
    assert [trigger.suspect for trigger in cluster.triggers] == ["a"]


def test_no_call_waits_where_no_thread_can_be_started(cluster, no_thread):
    no_thread(RuntimeError("can't create new thread at interpreter shutdown"))
    answered = cluster.worker.ask(Trigger(Context()), FOR_EVER)
    assert answered.gate.wait(answered.seconds)
    assert cluster.triggers == []


def test_no_call_waits_where_the_worker_cannot_be_started(cluster, monkeypatch):
    start = threading.Thread.start

    def fail(thread):
        if thread.name == "aurora-otel-refresh":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)
    assert returned(cluster.call())
    assert cluster.triggers == []
