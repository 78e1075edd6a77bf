"""What a claim on the application's own new connection is taken for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.single import SinglePostgreSQL
from aurora_otel.discovery.source import Confirmation
from aurora_otel.hooks.contradictions import check_answer
from aurora_otel.hooks.identification import Identity
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import Address, Endpoint
from aurora_otel.model.topology import Answer, Role


class AllReachable(AuroraPostgreSQL):
    confirmation = Confirmation.ALL_REACHABLE


class Monitor:
    wants_to_hear = True

    def __init__(self):
        self.heard = []
        self.symptoms = []
        self.hints = []

    def find_writer(self):
        pass

    def hear(self, heard):
        self.heard.append(heard.answer.instance)

    def symptom(self, kind, *, suspect, hint, heard):
        self.symptoms.append(suspect)
        self.hints.append(hint)
        if heard is not None:
            assert heard.at == OPENED
            self.hear(heard)


OPENED = 7.0


def check(source, role, instance="lab-2", rival=None):
    """Check an answer where lab-1 is the known writer; return what came of it."""
    monitor = Monitor()
    detector = Detector(Pace(window=180.0, interval=1.0), lambda: 0.5)
    detector.introduce("lab-1")
    cluster = SimpleNamespace(
        monitor=monitor, detector=detector, is_rival=lambda name, at: (name, at) == (rival, OPENED)
    )
    endpoint = Endpoint(Address("db.example.com", 5432))
    identity = Identity(endpoint, Answer(instance, role, "1"), source, view=False)
    list(check_answer(cluster, identity, OPENED))
    # What claims beside others makes a login due at all of them.
    is_contested = bool(monitor.symptoms) and role is Role.WRITER and not monitor.heard
    assert monitor.hints == [instance if is_contested else None] * len(monitor.symptoms)
    return monitor.heard, monitor.symptoms


def test_a_claim_is_heard_where_the_first_one_counts():
    assert check(AuroraPostgreSQL(), Role.WRITER) == (["lab-2"], ["lab-2"])


def test_a_claim_that_is_known_to_change_nothing_is_no_symptom():
    assert check(SinglePostgreSQL(), Role.WRITER) == (["lab-2"], ["lab-2"])
    assert check(SinglePostgreSQL(), Role.WRITER, rival="lab-2")[1] == []


def test_the_known_writer_is_heard_while_its_cluster_is_in_doubt():
    assert check(AuroraPostgreSQL(), Role.WRITER, "lab-1") == (["lab-1"], [])
    assert check(AllReachable(), Role.WRITER, "lab-1") == ([], [])


def test_a_claim_is_a_symptom_where_all_have_to_be_heard():
    assert check(AllReachable(), Role.WRITER) == ([], ["lab-2"])


@pytest.mark.parametrize("source", [AuroraPostgreSQL(), AllReachable()])
def test_an_instance_that_claims_nothing_settles_nothing(source):
    assert check(source, Role.UNKNOWN) == ([], [])
