"""What an application's own new connection settles where no login of the agent's works."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.source import Confirmation
from aurora_otel.hooks.identification import Identity
from aurora_otel.hooks.placement import Placement
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import Address, Endpoint
from aurora_otel.model.topology import Answer, Role


class AllReachable(AuroraPostgreSQL):
    confirmation = Confirmation.ALL_REACHABLE


class Monitor:
    login_rejected = True

    def __init__(self):
        self.taken = []
        self.symptoms = []

    def find_writer(self):
        pass

    def take(self, reading):
        self.taken.append(reading.verdict.writer)

    def symptom(self, kind, *, suspect, hint):
        self.symptoms.append(suspect)


def check(source, role):
    """Check an answer of lab-2 where lab-1 is the known writer; return what came of it."""
    monitor = Monitor()
    detector = Detector(Pace(window=180.0, interval=1.0), lambda: 0.5)
    detector.introduce("lab-1")
    cluster = SimpleNamespace(monitor=monitor, detector=detector)
    endpoint = Endpoint(Address("db.example.com", 5432))
    identity = Identity(endpoint, Answer("lab-2", role, "1"), source, view=False)
    list(Placement(context=None).check(cluster, identity, 7.0))
    return monitor.taken, monitor.symptoms


def test_a_claim_settles_it_where_the_first_one_counts():
    assert check(AuroraPostgreSQL(), Role.WRITER) == (["lab-2"], [])


def test_a_claim_is_a_symptom_where_all_have_to_be_heard():
    assert check(AllReachable(), Role.WRITER) == ([], ["lab-2"])


@pytest.mark.parametrize("source", [AuroraPostgreSQL(), AllReachable()])
def test_an_instance_that_claims_nothing_settles_nothing(source):
    assert check(source, Role.UNKNOWN) == ([], [])
