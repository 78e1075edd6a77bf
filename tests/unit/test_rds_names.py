"""Bare names in the settings count for nothing where RDS's own lead to the cluster."""

import threading
import time

import pytest

from aurora_otel.discovery import dns
from aurora_otel.model.endpoints import Address, EndpointMap, HostTemplate
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.rds_names import RdsNames
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, opened
from tests.unit.met import DOMAIN, Met

HOST = f"eu.cluster-{DOMAIN}"
HERE, THERE = "10.0.0.1", "10.0.0.2"
TEMPLATE = EndpointMap(template=HostTemplate("?.lab.example.com"))
SOON, AT_ONCE = 20.0, 0.01


class Situation:
    """An application that is connected through `host`, to an instance at `peer`."""

    def __init__(self, endpoints=TEMPLATE, host=HOST, peer=HERE, instance="db-1"):
        self.met = Met(endpoints)
        self.cluster = self.met.connect(host, "db-1", "db-2")
        self.tracker = Tracker()
        self.held = []
        self.connect(peer, host, instance)
        context = AgentContext(None, self.tracker, self.met, time.monotonic)
        self.names = RdsNames(self.cluster, context)

    def connect(self, peer, host=HOST, instance="db-1"):
        connection = Connection()
        self.held.append(connection)
        endpoint, at = self.met.endpoint(host), Address(peer, 5432)
        opened(
            self.tracker, self.cluster, connection, instance=instance, endpoint=endpoint, peer=at
        )

    @property
    def where(self):
        return self.met.locate(self.cluster, "db-2", DOMAIN, 5432).host


RDS, BARE = f"db-2.{DOMAIN}", "db-2.lab.example.com"


@pytest.fixture
def asked(monkeypatch):
    """Have RDS's name of `db-1` lead to `HERE`, as that of no other does; return what was asked."""
    asked = []

    def addresses(name):
        asked.append(name.host)
        return frozenset({HERE} if name.host == f"db-1.{DOMAIN}" else ())

    monkeypatch.setattr(dns, "addresses", addresses)
    return asked


@pytest.mark.parametrize("instance", ["db-1", None])
@pytest.mark.parametrize("peer", [HERE, f"::ffff:{HERE}"])
def test_a_template_means_others_where_the_application_is_connected_to_what_rds_names(
    asked, instance, peer
):
    there = Situation(instance=instance, peer=peer)
    assert there.where == BARE
    assert there.names.look_up(5432, SOON)
    assert there.where == RDS
    assert not there.names.look_up(5432, SOON)
    assert asked == [f"db-1.{DOMAIN}"]


@pytest.mark.parametrize(
    "facts",
    [
        {"peer": THERE},
        {"peer": "127.0.0.1"},
        {"host": "orders.internal"},
        {"endpoints": EndpointMap({"db-1": Address(HERE, 1), "db-2": Address(THERE, 1)})},
    ],
)
def test_without_a_sign_of_that_the_settings_count(monkeypatch, facts):
    monkeypatch.setattr(dns, "addresses", lambda _: frozenset())
    there = Situation(**facts)
    before = there.where
    assert not there.names.look_up(5432, SOON)
    assert there.where == before != RDS


def test_names_are_looked_up_again_only_where_there_is_something_new_to_compare(asked):
    there = Situation(peer=THERE)
    assert not there.names.look_up(5432, SOON)
    assert sorted(asked) == [f"db-1.{DOMAIN}", f"db-2.{DOMAIN}"]
    assert not there.names.look_up(5432, SOON)
    assert len(asked) == 2
    there.connect(HERE)
    assert there.names.look_up(5432, SOON)
    assert there.where == RDS


def test_nothing_is_looked_up_without_such_a_setting(asked):
    there = Situation(EndpointMap({f"db-1.{DOMAIN}": Address(THERE, 1)}))
    assert not there.names.look_up(5432, SOON)
    assert Situation(EndpointMap()).names.look_up(5432, SOON) is False
    assert asked == []


@pytest.mark.parametrize(("found", "expected"), [(HERE, RDS), (THERE, BARE)])
def test_until_the_resolver_has_answered_rds_names_are_gone_by(monkeypatch, found, expected):
    answer = threading.Event()

    def addresses(_):
        answer.wait(SOON)
        return frozenset({found})

    monkeypatch.setattr(dns, "addresses", addresses)
    there = Situation()
    assert there.names.look_up(5432, AT_ONCE)
    assert there.where == RDS
    answer.set()
    assert there.names.look_up(5432, SOON) is (expected == BARE)
    assert there.where == expected
