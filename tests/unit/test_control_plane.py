"""When the RDS API is asked about a cluster, and what is made of its answers."""

from __future__ import annotations

import pytest
from opentelemetry.context import Context

from aurora_otel.discovery.plain_postgresql import PlainPostgreSQL
from aurora_otel.discovery.rds.answers import Trouble
from aurora_otel.model.topology import Verdict
from aurora_otel.monitoring.control_plane import ControlPlane
from aurora_otel.monitoring.requests import Trigger
from aurora_otel.telemetry.reports import ApiErrorReport, DisagreementReport
from tests.unit.control_plane import Surveyed
from tests.unit.met import DOMAIN

# Longer than SQL has before the API is asked, and than two questions are apart.
LONG = 60.0


@pytest.fixture
def surveyed_with():
    made = []

    def surveyed(**settings):
        found = Surveyed(**settings)
        made.append((found, ControlPlane(found.cluster, found.context, found.hear)))
        return made[-1]

    yield surveyed
    for found, plane in made:
        found.settle()
        plane.stop()
        assert found.failures == []


@pytest.fixture
def surveyed(surveyed_with):
    return surveyed_with()


def consult(found, plane):
    """Have a refresh find no writer; return how often the API was asked so far."""
    plane.consult(Trigger(Context()), found.endpoint)
    found.settle()
    return found.api.asked


def test_sql_has_its_time_before_the_api_is_asked(surveyed):
    found, plane = surveyed
    assert consult(found, plane) == 0
    found.now += LONG
    assert consult(found, plane) == 1
    (reading,) = found.heard
    assert (reading.named, reading.instances) == ("a", ("a", "b", "c"))
    assert reading.verdict is None


def test_a_verdict_by_sql_starts_that_time_again(surveyed):
    found, plane = surveyed
    consult(found, plane)
    found.now += LONG
    plane.judged(Verdict("a", ("a",), found.now))
    assert consult(found, plane) == 0


@pytest.mark.parametrize(("settings", "view"), [({"rds_api": "on"}, True), ({}, False)])
def test_where_sql_cannot_answer_or_the_api_is_wanted_it_is_asked_at_once(
    surveyed_with, settings, view
):
    found, plane = surveyed_with(**settings)
    found.cluster.view = view
    assert consult(found, plane) == 1


@pytest.mark.parametrize(("rds_api", "asked"), [("auto", 0), ("on", 1)])
def test_it_is_not_asked_about_a_cluster_of_another_kind_by_default(surveyed_with, rds_api, asked):
    found, plane = surveyed_with(rds_api=rds_api)
    found.cluster.source = PlainPostgreSQL()
    assert consult(found, plane) == asked


def test_it_is_asked_less_often_than_refreshes_fail(surveyed):
    found, plane = surveyed
    found.cluster.view = False
    assert [consult(found, plane) for _ in range(5)] == [1] * 5
    found.now += LONG
    assert consult(found, plane) == 2


def test_off_asks_nothing(surveyed_with):
    found, plane = surveyed_with(rds_api="off")
    consult(found, plane)
    found.now += LONG
    assert consult(found, plane) == 0
    assert not plane.is_allowed


def test_one_question_is_asked_at_a_time(surveyed_with):
    found, plane = surveyed_with(rds_api="on")
    found.api.answering.clear()
    plane.compare(found.endpoint)
    assert not plane.start(lambda: None)
    found.settle()
    assert found.api.asked == 1
    assert plane.start(lambda: None)


def test_nothing_is_heard_or_asked_once_it_is_stopped(surveyed_with):
    found, plane = surveyed_with(rds_api="on")
    found.api.answering.clear()
    plane.compare(found.endpoint)
    plane.stop()
    found.settle()
    assert found.heard == []
    assert not plane.start(lambda: None)


def test_a_failure_is_heard_and_reported_once(surveyed_with):
    found, plane = surveyed_with(rds_api="on")
    found.api.trouble = Trouble.DENIED
    for _ in range(2):
        consult(found, plane)
        found.now += 1000.0
    assert [reading.error for reading in found.heard] == ["access_denied"] * 2
    (report,) = found.reports
    assert isinstance(report, ApiErrorReport)
    assert report.error.trouble is Trouble.DENIED


def test_by_default_missing_credentials_are_as_good_as_off(surveyed):
    found, plane = surveyed
    found.cluster.view = False
    found.api.trouble = Trouble.NO_CREDENTIALS
    assert consult(found, plane) == 1
    assert (found.heard, found.reports) == ([], [])


@pytest.mark.parametrize(("later", "disagreements"), [(1.0, 1), (LONG, 0)])
def test_another_writer_than_sql_confirmed_at_the_same_moment_is_a_disagreement(
    surveyed_with, later, disagreements
):
    found, plane = surveyed_with(rds_api="on")
    consult(found, plane)
    for _ in range(2):
        plane.judged(Verdict("b", ("a", "b"), found.now + later))
    assert found.cluster.disagreements == disagreements
    reports = [each for each in found.reports if isinstance(each, DisagreementReport)]
    assert [(each.named, each.writer) for each in reports] == [("a", "b")] * disagreements


def test_endpoints_that_the_api_lists_are_the_clusters(surveyed_with):
    found, plane = surveyed_with(rds_api="on")
    consult(found, plane)
    reader = found.met.endpoint(f"orders.cluster-ro-{DOMAIN}")
    assert found.met.find(reader, found.now) is found.cluster


@pytest.mark.parametrize("trouble", [None, Trouble.DENIED])
def test_a_cluster_waits_for_its_name_until_the_api_was_asked(surveyed_with, trouble):
    found, plane = surveyed_with(rds_api="on")
    found.api.answering.clear()
    found.api.trouble = trouble
    private = found.met.endpoint("db.internal")
    plane.introduce(private, None)
    assert found.cluster.awaits_name
    found.settle()
    assert not found.cluster.awaits_name
