"""Which connects go straight to the writer, to where, and until when."""

from __future__ import annotations

import itertools

import pytest

from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import StraightReason, Whereabouts, is_name, lead_to
from aurora_otel.tracking.routes import AGREEMENTS, Routes
from tests.support.tracks import judge, new_cluster

NAME = Address("orders.cluster-c0ffee123456.eu-west-1.rds.amazonaws.com", 5432)
PRIVATE = Address("db.example.com", 5432)
OLD, NEW = Address("10.0.0.1", 5432), Address("10.0.0.2", 5432)
WINDOW = 180.0
HERE = frozenset({NEW.host})
ELSEWHERE = frozenset({OLD.host})


@pytest.fixture
def cluster():
    return new_cluster()


@pytest.fixture
def routes(cluster):
    """The routes just after a failover to `b`, of which two names are known."""
    routes = Routes()
    for name in (NAME, PRIVATE):
        routes.note_name(cluster, name)
    failover(routes, cluster, "b", NEW, 100.0)
    return routes


def failover(routes, cluster, writer, at, now):
    judge(cluster, writer, now)
    routes.confirmed(cluster, Whereabouts(writer, at) if at else None, writer)
    routes.open_all(cluster, StraightReason.FAILOVER, now, WINDOW)


def test_there_is_no_route_before_a_name_is_in_doubt(cluster):
    routes = Routes()
    routes.note_name(cluster, NAME)
    routes.confirmed(cluster, Whereabouts("a", OLD), "a")
    assert not routes
    assert routes.to(NAME, 0.0) is None


def test_a_failover_leads_connects_by_all_names_to_where_the_writer_confirmed_itself(routes):
    for name in (NAME, PRIVATE):
        assert routes.to(name, 100.0).to == Whereabouts("b", NEW)
    assert routes.to(Address("other.example.com", 5432), 100.0) is None


def test_a_name_is_trusted_again_at_the_end_of_the_window(routes):
    assert routes.to(NAME, 100.0 + WINDOW - 1) is not None
    assert routes.to(NAME, 100.0 + WINDOW) is None


def test_a_name_is_trusted_again_once_lookups_in_a_row_lead_to_the_writer(routes):
    for number in range(AGREEMENTS):
        assert routes.to(NAME, 101.0) is not None
        routes.looked_up(NAME, HERE, 101.0 + number)
    assert routes.to(NAME, 101.0) is None
    assert routes.to(PRIVATE, 101.0) is not None


def test_a_name_that_flaps_is_not_trusted(routes):
    for number in range(20):
        routes.looked_up(NAME, (HERE, ELSEWHERE)[number % 2], 101.0 + number)
    assert routes.to(NAME, 121.0) is not None


def test_a_name_that_was_trusted_too_soon_has_to_lead_to_the_writer_for_longer(routes, cluster):
    for number in range(AGREEMENTS):
        routes.looked_up(NAME, HERE, 101.0 + number)
    routes.open(cluster, NAME, StraightReason.MISROUTED, 110.0, WINDOW)
    for number in range(2 * AGREEMENTS):
        assert routes.to(NAME, 111.0) is not None
        routes.looked_up(NAME, HERE, 111.0 + number)
    assert routes.to(NAME, 111.0) is None
    # Long afterwards that counts for nothing.
    routes.open(cluster, NAME, StraightReason.MISROUTED, 1000.0, WINDOW)
    for number in range(AGREEMENTS):
        routes.looked_up(NAME, HERE, 1001.0 + number)
    assert routes.to(NAME, 1001.0) is None


@pytest.mark.parametrize("found", [frozenset(), ELSEWHERE, HERE | ELSEWHERE])
def test_a_name_that_leads_elsewhere_too_or_nowhere_is_not_trusted(routes, found):
    for number in range(AGREEMENTS + 1):
        routes.looked_up(NAME, found, 101.0 + number)
    assert routes.to(NAME, 110.0) is not None


def test_a_lookup_that_began_before_the_route_was_opened_says_nothing(routes):
    for _ in range(AGREEMENTS):
        routes.looked_up(NAME, HERE, 99.0)
    assert routes.to(NAME, 101.0) is not None


def test_lookups_are_seldom_and_rarer_in_a_long_doubt(routes, cluster):
    asked = []
    routes.open(cluster, NAME, StraightReason.MISROUTED, 100.0, 1e6)
    for tenth in range(1000, 3000):
        asked += [tenth / 10 for name in routes.due(tenth / 10) if name == NAME]
    pauses = [after - before for before, after in itertools.pairwise(asked)]
    assert min(pauses) >= 0.9
    assert pauses[-1] == pytest.approx(5.0, abs=0.2)


def test_a_route_that_leads_elsewhere_is_closed_until_the_next_verdict(routes, cluster):
    routes.failed(routes.to(NAME, 101.0))
    assert not routes
    assert routes.open(cluster, NAME, StraightReason.MISROUTED, 102.0, WINDOW) is None
    routes.confirmed(cluster, Whereabouts("b", NEW), "b")
    assert routes.open(cluster, NAME, StraightReason.MISROUTED, 103.0, WINDOW) is not None


def test_a_way_that_was_found_wrong_late_closes_none_to_a_later_writer(routes, cluster):
    late = routes.to(NAME, 101.0)
    failover(routes, cluster, "c", OLD, 200.0)
    routes.failed(late)
    for name in (NAME, PRIVATE):
        assert routes.to(name, 200.0).to == Whereabouts("c", OLD)


def test_another_writer_closes_the_ways_to_the_one_before(routes, cluster):
    failover(routes, cluster, "c", None, 200.0)
    assert not routes


def test_a_verdict_that_does_not_say_where_keeps_what_was_known_of_the_same_writer(routes, cluster):
    routes.confirmed(cluster, None, "b")
    assert routes.to(NAME, 101.0).to == Whereabouts("b", NEW)
    assert cluster.whereabouts == Whereabouts("b", NEW)


def test_a_port_other_than_the_writers_own_leads_through_something_that_stays(cluster):
    tunnel = Address("tunnel.example.com", 6000)
    routes = Routes()
    routes.note_name(cluster, tunnel)
    failover(routes, cluster, "b", NEW, 100.0)
    assert routes.to(tunnel, 100.0) is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("db.example.com", True),
        ("localhost", False),
        ("10.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("/var/run/postgresql", False),
        ("@socket", False),
        ("a,b", False),
        ("", False),
    ],
)
def test_only_a_name_that_a_name_server_resolves_is_gone_past(host, expected, cluster):
    assert is_name(host) is expected
    routes = Routes()
    routes.note_name(cluster, Address(host, 5432))
    failover(routes, cluster, "b", NEW, 100.0)
    assert bool(routes) is expected


def test_addresses_are_compared_in_either_spelling():
    assert lead_to(frozenset({"::ffff:10.0.0.2", "10.0.0.2"}), NEW)
    assert not lead_to(frozenset(), NEW)


def test_the_routes_of_a_cluster_that_was_merged_are_its_winners(routes, cluster):
    winner = new_cluster("winner", writer=None)
    winner.take_over(cluster)
    assert set(winner.writer_names) == {NAME, PRIVATE}
    routes.confirmed(winner, Whereabouts("c", OLD), "c")
    assert not routes
