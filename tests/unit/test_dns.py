"""The domain behind a private name is looked up on a thread, once."""

from __future__ import annotations

import socket
import threading

import pytest

from aurora_otel.discovery.dns import DomainLookup
from aurora_otel.model.endpoints import Address
from tests.support.waiting import eventually

PRIVATE = Address("db.example.com", 5432)
INSTANCE = "lab-1.c0ffee123456.eu-west-1.rds.amazonaws.com"


class Resolver:
    """A name server that answers when the test allows it."""

    def __init__(self):
        self.answers = threading.Event()
        self.asked = []
        self.canonical = INSTANCE

    def getaddrinfo(self, host, *_, **__):
        self.asked.append(host)
        self.answers.wait(20)
        return [(0, 0, 0, self.canonical, ("192.0.2.1", 5432))]


@pytest.fixture
def resolver(monkeypatch):
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.answers.set()


def test_nothing_waits_for_a_name_server_that_does_not_answer(resolver):
    lookup = DomainLookup()
    lookup.begin(PRIVATE)
    lookup.wait(0.01)
    assert lookup.domain is None
    resolver.answers.set()
    lookup.wait(20)
    assert lookup.domain == INSTANCE.partition(".")[2]


def test_a_name_is_looked_up_once(resolver):
    resolver.answers.set()
    lookup = DomainLookup()
    for _ in range(3):
        lookup.begin(PRIVATE)
        lookup.wait(20)
    assert resolver.asked == [PRIVATE.host]


def test_a_name_that_leads_to_no_instance_yields_no_domain(resolver):
    resolver.canonical = "db-7.example.com"
    resolver.answers.set()
    lookup = DomainLookup()
    lookup.begin(PRIVATE)
    lookup.wait(20)
    eventually(lambda: resolver.asked)
    assert lookup.domain is None


def test_what_was_not_begun_is_not_waited_for():
    lookup = DomainLookup()
    lookup.wait(60)
    assert lookup.domain is None
