"""A login at two targets at a time: one that may be refused is tried at one of them only."""

import queue
import threading

import pytest

from aurora_otel.discovery.source import LoginNotAllowedError, LoginPostponedError
from aurora_otel.drivers.connects import LoginFailure
from aurora_otel.monitoring.access import PROVEN_FOR
from tests.unit.logins import A, B, C, LoginError, Logins


class SlowTargets(Logins):
    """Each login waits until the test says what comes of it; by target."""

    def __init__(self):
        super().__init__()
        self.pending = queue.Queue()
        self.driver.monitor = self.monitor
        self.outcomes = queue.Queue()

    def monitor(self, login, address, timeout):
        outcome = queue.Queue()
        self.pending.put((address.host, outcome))
        if failure := outcome.get(timeout=10):
            raise LoginError(failure)
        return login

    def begin(self, target, timeout=30.0):
        def connect():
            try:
                self.access.connect(target, timeout)
            except (LoginError, LoginNotAllowedError) as error:
                self.outcomes.put((target.instance, type(error)))
            else:
                self.outcomes.put((target.instance, None))

        threading.Thread(target=connect, daemon=True).start()

    def next_attempt(self):
        return self.pending.get(timeout=10)

    def both_outcomes(self):
        return dict(self.outcomes.get(timeout=10) for _ in "ab")


@pytest.fixture
def slow():
    return SlowTargets()


def be_proven(slow):
    """Have the application log in, and then the agent with the same login."""
    slow.works("app")
    slow.begin(A)
    slow.next_attempt()[1].put(None)
    slow.outcomes.get(timeout=10)


# With this time for a login, one that worked is tried at another target after a fifth of a second,
# and an untested one only after more than a second.
SHORT = 2.0


def assert_is_tried_at_one_target_only(slow, timeout=30.0):
    """Try a login at two targets; the first one is slow to refuse it."""
    slow.begin(A, timeout)
    where, outcome = slow.next_attempt()
    slow.begin(B, timeout)
    with pytest.raises(queue.Empty):
        slow.pending.get(timeout=0.6)
    outcome.put(LoginFailure.REFUSED)
    assert where == "a"
    assert slow.both_outcomes() == {"a": LoginError, "b": LoginNotAllowedError}
    assert slow.pending.empty()


def test_an_untested_login_that_is_refused_at_a_slow_target_is_tried_at_no_other(slow):
    slow.works("app")
    assert_is_tried_at_one_target_only(slow, SHORT)


def test_an_untested_login_that_works_is_tried_at_the_next_target_at_once(slow):
    slow.works("app")
    slow.begin(A)
    _, first = slow.next_attempt()
    slow.begin(B)
    first.put(None)
    where, second = slow.next_attempt()
    second.put(None)
    assert where == "b"
    assert slow.both_outcomes() == {"a": None, "b": None}


def test_a_login_that_worked_is_tried_at_two_targets_at_a_time(slow):
    be_proven(slow)
    slow.begin(A)
    _, first = slow.next_attempt()
    slow.begin(B)
    where, second = slow.next_attempt()
    assert where == "b"
    first.put(None)
    second.put(None)
    assert slow.both_outcomes() == {"a": None, "b": None}


def test_a_login_that_worked_is_tried_at_one_target_only_if_it_is_refused_soon(slow):
    be_proven(slow)
    assert_is_tried_at_one_target_only(slow)


def test_a_login_that_worked_some_time_ago_is_untested_again(slow):
    be_proven(slow)
    slow.now += PROVEN_FOR
    assert_is_tried_at_one_target_only(slow, SHORT)


def test_after_a_connect_of_the_application_a_login_is_untested_again(slow):
    be_proven(slow)
    slow.works("app")
    assert_is_tried_at_one_target_only(slow, SHORT)


def test_a_target_that_does_not_respond_delays_no_other_for_long(slow):
    slow.works("app")
    slow.begin(A)
    _, first = slow.next_attempt()
    slow.begin(B, timeout=0.1)
    where, second = slow.next_attempt()
    assert where == "b"
    second.put(None)
    first.put(None)
    assert slow.both_outcomes() == {"a": None, "b": None}


def test_an_untested_login_is_tried_at_one_other_target_where_two_are_slow(slow):
    slow.works("app")
    slow.begin(A, timeout=0.05)
    _, first = slow.next_attempt()
    slow.begin(B, timeout=0.05)
    _, second = slow.next_attempt()
    slow.begin(C, timeout=0.05)
    assert slow.outcomes.get(timeout=10) == ("c", LoginPostponedError)
    # What came of it at one of them says whether it may be tried.
    first.put(None)
    assert slow.outcomes.get(timeout=10) == ("a", None)
    slow.begin(C)
    where, third = slow.next_attempt()
    third.put(None)
    second.put(None)
    assert where == "c"
    assert slow.both_outcomes() == {"b": None, "c": None}


def test_an_untested_login_that_was_not_answered_in_time_may_be_refused_for_a_while():
    logins = Logins()
    logins.works("app")
    for target in (A, B):
        logins.fails(TimeoutError(), "app", at=target)
        with pytest.raises(TimeoutError):
            logins.connect(target)
    with pytest.raises(LoginPostponedError):
        logins.connect(C)
    logins.now += 10.0
    assert logins.connect(C)
