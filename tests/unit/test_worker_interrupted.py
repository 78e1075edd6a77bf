"""What strikes a call or the worker midway: garbage, an interrupt, no thread to be had."""

import _thread
import gc
import threading

import pytest
from opentelemetry.context import Context

from aurora_otel.monitoring.requests import Trigger
from tests.support.threads import REFRESH
from tests.support.waiting import eventually
from tests.unit.refreshes import FOR_EVER, refreshed, returned


@pytest.fixture
def cluster():
    with refreshed() as made:
        yield made


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
        if thread.name == REFRESH:
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
    cluster.wait_for_calls(2)
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
        if thread.name == REFRESH:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)
    assert returned(cluster.call())
    assert cluster.triggers == []
