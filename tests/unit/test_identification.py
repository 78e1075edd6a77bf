"""A server that refuses to be asked is asked again, some time."""

from __future__ import annotations

import pytest

from aurora_otel.discovery import SYSTEMS
from aurora_otel.discovery.identify import REFUSAL, Servers
from aurora_otel.drivers.protocol import Login, Opening
from aurora_otel.hooks.identification import Identification
from aurora_otel.model.endpoints import Address, EndpointMap
from aurora_otel.runtime.shield import Shield
from aurora_otel.telemetry import log

PROBE = SYSTEMS["postgresql"].probe


class Driver:
    """A driver whose server refuses the probe, or is a plain one."""

    system = "postgresql"

    def __init__(self):
        self.refuses = True
        self.asked = 0

    def address(self, _):
        return Address("db.example.com", 5432)

    def askable(self, *_):
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
def connect(clock):
    identification = Identification(Servers(), clock, Shield(log.internal_failure))

    def connect(driver):
        opening = Opening(object(), Login(None), None, 0.0)
        known = {"timeout": 1.0, "is_known": lambda _: False}
        return identification.identify(driver, opening, EndpointMap(), **known)

    return connect


def test_a_refused_probe_is_repeated_after_a_while(connect, clock):
    driver = Driver()
    for _ in range(3):
        assert connect(driver).answer is None
    assert driver.asked == 1
    clock.now += REFUSAL
    connect(driver)
    assert driver.asked == 2


def test_a_plain_server_is_asked_once(connect, clock):
    driver = Driver()
    driver.refuses = False
    connect(driver)
    clock.now += 100 * REFUSAL
    connect(driver)
    assert driver.asked == 1
