"""Two instances are asked at a time, within one budget, and what that leaves behind."""

import gc
import threading
import time
import weakref

import pytest

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.source import Confirmation
from aurora_otel.discovery.walk import AT_A_TIME, Walk
from tests.support.fake_cluster import ALL, FakeCluster, RefusedError
from tests.support.threads import ASK, threads
from tests.support.waiting import eventually


class Slow(FakeCluster):
    """A cluster whose time is the real one, and whose connects wait until they are released."""

    def __init__(self):
        super().__init__()
        self.released = threading.Event()
        self.waiting = []  # the instances that a connect waits for
        self.ended = []
        self.budget = 20.0
        self.walk = Walk(
            AuroraPostgreSQL,
            self.connect,
            self.locate,
            lambda error: isinstance(error, RefusedError),
            time.monotonic,
            stagger=0.001,
        )

    def connect(self, target, timeout, longest=0.0, *, is_urgent=False):
        name = target.address.host if target.address else self.default
        if self.instances[name].hangs:
            # As a resolver does: nothing ends it before it is done.
            self.waiting.append(name)
            self.released.wait(20)
        try:
            return super().connect(target, timeout)
        finally:
            self.ended.append(name)

    def threads(self):
        return threads(ASK)


@pytest.fixture
def slow():
    made = Slow()
    yield made
    made.released.set()
    eventually(lambda: not made.threads())
    assert len(made.open) == made.walk.is_connected


def test_another_is_asked_beside_one_that_does_not_answer_at_once(slow):
    slow["b"].hangs = True
    # Longer than it hangs: it is not given up first.
    slow.budget = 100.0
    assert slow.read("b", "c").verdict.writer == "a"
    assert slow.waiting == ["b"]
    assert "b" not in slow.ended


def test_no_more_than_two_are_asked_at_a_time(slow):
    for name in ALL:
        slow[name].hangs = True
    reading = threading.Thread(target=lambda: slow.read("b", "c", "a", default=False))
    reading.start()
    eventually(lambda: len(slow.waiting) == AT_A_TIME)
    # Time enough for a third.
    time.sleep(0.2)
    assert len(slow.waiting) == len(slow.threads()) == AT_A_TIME
    slow.released.set()
    reading.join(20)
    assert not reading.is_alive()


def test_names_that_do_not_resolve_hold_up_no_refresh_and_their_connections_are_closed(slow):
    for name in ("b", "c"):
        slow[name].hangs = True
    slow.default = "a"
    assert slow.read("b", "c").verdict.writer == "a"
    assert slow.ended == ["a"]
    slow.released.set()
    eventually(lambda: sorted(slow.ended) == list(ALL))
    eventually(lambda: len(slow.open) == 1)


class Socket:
    """What a driver's frames hold while it connects."""


class Failing(FakeCluster):
    """A cluster whose connects fail, in frames that hold their own error: a circle."""

    def __init__(self):
        super().__init__()
        self.held = []

    def connect(self, target, timeout, longest=0.0, *, is_urgent=False):
        socket = Socket()
        self.held.append(weakref.ref(socket))
        failure = RefusedError(target, timeout)
        raise failure


@pytest.fixture
def _no_collector():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
def test_what_a_failed_connect_held_is_released_at_once():
    failing = Failing()
    assert failing.read("b", "c").verdict is None
    assert len(failing.held) == 3
    eventually(lambda: all(socket() is None for socket in failing.held))


def test_one_that_is_still_waited_for_is_not_asked_once_more(slow):
    for name in ALL:
        slow[name].hangs = True
    slow.budget = 0.2
    for _ in range(3):
        assert slow.read("b", "c", "a", default=False).verdict is None
    assert sorted(slow.waiting) == list(ALL)
    assert len(slow.threads()) == len(ALL)


def test_a_known_writer_that_is_silent_leaves_the_claim_standing_within_the_budget(slow):
    slow["a"].hangs = True
    slow.writer = "c"
    slow.budget = 2.0
    assert slow.read("b", "c", writer="a", members=frozenset(ALL)).verdict.writer == "c"
    assert slow.waiting == ["a"]


def test_a_login_that_comes_late_is_used_by_the_next_refresh(slow):
    for name in ALL:
        slow[name].hangs = True
    slow.budget = 0.2
    assert slow.read("b", "c", "a", default=False).verdict is None
    for name in ALL:
        slow[name].hangs = False
    slow.released.set()
    eventually(lambda: not slow.threads())
    (late,) = slow.open
    slow.ended.clear()
    slow.budget = 20.0
    assert slow.read("a", "b", "c", default=False, writer="a").verdict.writer == "a"
    assert late.instance.asked == 1
    assert late.instance.name not in slow.ended


def test_a_login_that_comes_after_the_verdict_is_closed(slow):
    slow["b"].hangs = True
    slow.budget = 2.0
    assert slow.read("b", "c", writer="c").verdict.writer == "a"
    slow.walk.close()
    slow.released.set()
    eventually(lambda: not slow.threads())
    assert not slow.open


def test_the_known_writers_login_is_given_up_when_it_is_no_longer_waited_for(slow):
    for name in ALL:
        slow[name].hangs = True
    slow.budget = 0.2
    assert slow.read("a", "b", default=False, writer="a", suspect="b").verdict is None
    slow.released.set()
    eventually(lambda: not slow.threads())
    assert not slow.open


class HearsAll(AuroraPostgreSQL):
    """Where each instance's own word is wanted."""

    confirmation = Confirmation.ALL_REACHABLE


def test_a_silence_lasts_where_refreshes_are_rare_by_what_a_late_login_shows(slow):
    skipped = 0.0
    slow.source = HearsAll()
    slow.walk = Walk(
        lambda: slow.source,
        slow.connect,
        slow.locate,
        lambda _: False,
        lambda: time.monotonic() + skipped,
    )
    slow.budget, slow.writer = 0.4, "b"
    slow["a"].hangs, slow["a"].down = True, TimeoutError()
    known = {"writer": "a", "members": frozenset(ALL), "is_complete": True, "default": False}
    assert slow.read("b", "c", "a", **known).verdict is None
    skipped += 9.0
    slow.released.set()
    eventually(lambda: not slow.threads())
    slow.released.clear()
    skipped += 3.0
    assert slow.read("b", "c", "a", **known).verdict.writer == "b"
    assert slow.waiting == ["a", "a"]
