"""A server that refuses to be asked is asked again, some time."""

from __future__ import annotations

import pytest

from aurora_otel.discovery import SYSTEMS
from aurora_otel.discovery.identify import PROBE_REFUSAL
from aurora_otel.discovery.servers import EXPIRY, Servers
from aurora_otel.drivers.connects import Login, Opening
from aurora_otel.hooks.identification import Identification
from aurora_otel.model.endpoints import Address, EndpointMap
from aurora_otel.runtime.blocking import run
from aurora_otel.runtime.shield import Shield
from aurora_otel.telemetry import log

TIMEOUT = 1.0
PROBE = SYSTEMS["postgresql"].probe


class Driver:
    """A driver whose server refuses the probe, or is a plain one."""

    system = "postgresql"

    postpones_answers = False

    def __init__(self):
        self.refuses = True
        self.asked = 0

    def address(self, _):
        return Address("db.example.com", 5432)

    def accepts_questions(self, *_):
        return True

    def is_idle(self, _):
        return True

    def backend_id(self, _):
        return "7"

    def is_closed(self, _):
        return False

    def ask(self, _, statement, timeout):
        assert (statement, timeout > 0) == (PROBE, True)
        self.asked += 1
        if self.refuses:
            raise RuntimeError("57P03: the database system is shutting down")
        return [["7", None, None]]


class Clock:
    """Time passes when the test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def poolers():
    """The addresses at which poolers were found."""
    return []


@pytest.fixture
def connect(clock, poolers):
    shield = Shield(log.internal_failure)
    identification = Identification(Servers(), clock, shield, poolers.append)

    def connect(driver):
        opening = Opening(object(), Login(None), None, 0.0)
        known = {"timeout": TIMEOUT, "is_known": lambda _: False}
        return run(identification.identify(driver, opening, EndpointMap(), **known))

    return connect


def test_a_refused_probe_is_repeated_after_a_while(connect, clock):
    driver = Driver()
    for _ in range(3):
        assert connect(driver).answer is None
    assert driver.asked == 1
    clock.now += PROBE_REFUSAL
    connect(driver)
    assert driver.asked == 2


@pytest.mark.parametrize(("session", "is_pooler"), [("7", False), ("8", True)])
def test_where_another_session_answers_a_pooler_is_reported_once(
    connect, poolers, session, is_pooler
):
    driver = Driver()
    driver.system = "mysql"
    driver.ask = lambda *_: [("pseudo_thread_id", session)]
    for _ in range(3):
        assert connect(driver).answer is None
    assert poolers == [driver.address(None)] * is_pooler


def test_a_plain_server_is_asked_again_after_minutes(connect, clock):
    driver = Driver()
    driver.refuses = False
    connect(driver)
    clock.now += EXPIRY - 0.1
    connect(driver)
    assert driver.asked == 1
    clock.now += 0.1
    connect(driver)
    assert driver.asked == 2


@pytest.fixture
def slow(clock):
    """A driver whose server takes this number of seconds for each answer."""
    driver = Driver()
    driver.refuses = False
    driver.takes = 3.0
    answer = driver.ask

    def ask(connection, statement, timeout):
        clock.now += min(driver.takes, timeout)
        if driver.takes > timeout:
            raise TimeoutError
        return answer(connection, statement, timeout)

    driver.ask = ask
    return driver


def test_a_connection_that_can_leave_the_answer_for_later_is_handed_over_in_time(
    connect, clock, slow
):
    slow.postpones_answers = True
    began = clock.now
    identity = connect(slow)
    assert (identity.postponed, identity.dropped) == (True, False)
    assert clock.now - began == TIMEOUT


def test_one_that_cannot_waits_for_the_answer_and_is_kept(connect, slow):
    identity = connect(slow)
    assert slow.asked == 1
    assert not identity.dropped


def test_one_whose_server_stays_silent_is_given_up(connect, clock, slow):
    slow.takes = 1000.0
    began = clock.now
    assert connect(slow).dropped
    assert clock.now - began == 10 * TIMEOUT


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("postpones_answers", [False, True])
def test_a_connection_whose_question_was_interrupted_is_dropped_unless_its_answer_can_wait(
    connect, postpones_answers
):
    dropped = []
    driver = Driver()
    driver.postpones_answers = postpones_answers
    driver.ask = interrupted
    driver.discard = dropped.append
    with pytest.raises(KeyboardInterrupt):
        connect(driver)
    assert len(dropped) == (0 if postpones_answers else 1)
