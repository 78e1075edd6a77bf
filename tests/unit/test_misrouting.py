"""A straight connect counts only where its server says that it is the writer that was meant."""

from __future__ import annotations

import pytest

from aurora_otel.hooks.identification import Identity
from aurora_otel.hooks.misrouting import reached
from aurora_otel.model.endpoints import Address, Endpoint, EndpointType
from aurora_otel.model.straight import StraightReason, Whereabouts
from aurora_otel.model.topology import Answer, Role
from aurora_otel.tracking.routes import Route

ENDPOINT = Endpoint(Address("db.example.com", 5432), EndpointType.WRITER)
TO = Whereabouts("db-2", Address("10.0.0.2", 5432))


@pytest.fixture
def route():
    return Route(None, TO, StraightReason.FAILOVER, opened_at=0.0, until=60.0)


@pytest.mark.parametrize(
    ("instance", "role", "is_reached"),
    [
        ("db-2", Role.WRITER, True),
        ("db-2", Role.READER, False),
        ("db-2", Role.UNKNOWN, False),
        ("db-1", Role.WRITER, False),
    ],
)
def test_by_the_servers_own_word(route, instance, role, is_reached):
    identity = Identity(ENDPOINT, Answer(instance, role, "7"))
    assert reached(route, identity) is is_reached


def test_one_that_is_slow_to_answer_is_asked_again_later(route):
    assert reached(route, Identity(ENDPOINT, postponed=True))


def test_where_its_address_shows_it_it_need_not_be_asked(route):
    assert reached(route, Identity(ENDPOINT, at="db-2"))
    assert not reached(route, Identity(ENDPOINT, at="db-1"))


def test_what_cannot_say_what_it_is_may_be_another_server(route):
    assert not reached(route, Identity(ENDPOINT))
    assert not reached(route, Identity(ENDPOINT, dropped=True))
    assert not reached(route, None)
