"""RDS's events of a failover: asked for afterwards, in growing steps, until it is over."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from aurora_otel.discovery.rds.answers import ApiEvent, Trouble
from aurora_otel.monitoring.control_plane import ControlPlane
from aurora_otel.monitoring.events import FailoverEvents
from aurora_otel.telemetry.reports import ApiEventReport, ControlPlaneReport, FailoverReference
from tests.unit.control_plane import Surveyed

BEGAN = datetime(2026, 3, 1, tzinfo=timezone.utc)
STARTED = ApiEvent(BEGAN, "Started cross AZ failover to DB instance: b")
COMPLETED = ApiEvent(BEGAN + timedelta(seconds=20), "Completed failover to DB instance: b")
# Longer than the longest step.
LONG = 200.0
MOST_QUESTIONS = 5


class Scene(Surveyed):
    """A cluster whose events are asked for."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.plane = ControlPlane(self.cluster, self.context, self.hear)
        self.events = FailoverEvents(self.cluster, self.context, self.plane)

    def fail_over(self):
        failover = FailoverReference(round(BEGAN.timestamp() * 1e9), {})
        self.events.follow(failover, self.endpoint)
        return failover

    def round(self, *, after=LONG):
        """Let time pass, and the background loop go round."""
        self.now += after
        self.events.ask_if_due()
        self.settle()

    @property
    def logged(self):
        return [each.event for each in self.reports if isinstance(each, ApiEventReport)]

    @property
    def summed_up(self):
        return [each.events for each in self.reports if isinstance(each, ControlPlaneReport)]


@pytest.fixture
def scene():
    scene = Scene(rds_api="on")
    yield scene
    scene.settle()
    scene.plane.stop()
    assert scene.failures == []


def test_nothing_is_asked_for_without_a_failover_or_before_its_time(scene):
    scene.round()
    scene.fail_over()
    scene.round(after=0.1)
    assert scene.api.since == []


def test_each_event_is_reported_once_and_all_of_them_when_it_is_over(scene):
    scene.fail_over()
    scene.api.events = [STARTED]
    scene.round()
    scene.round()
    assert (scene.logged, scene.summed_up) == ([STARTED], [])
    scene.api.events = [STARTED, COMPLETED]
    scene.round()
    assert (scene.logged, scene.summed_up) == (
        [STARTED, COMPLETED],
        [(STARTED, COMPLETED)],
    )
    assert scene.cluster.events.total() == 2
    asked = len(scene.api.since)
    scene.round()
    assert len(scene.api.since) == asked


def test_events_from_shortly_before_the_failover_are_asked_for(scene):
    scene.fail_over()
    scene.round()
    (since,) = scene.api.since
    assert BEGAN - timedelta(minutes=5) < since < BEGAN


def test_a_failover_of_which_rds_reports_no_end_is_followed_for_so_long(scene):
    scene.fail_over()
    scene.api.events = [STARTED]
    for _ in range(2 * MOST_QUESTIONS):
        scene.round()
    assert len(scene.api.since) == MOST_QUESTIONS
    assert scene.summed_up == [(STARTED,)]


def test_what_could_not_be_asked_is_asked_at_the_next_step(scene):
    scene.fail_over()
    scene.api.trouble = Trouble.THROTTLED
    scene.round()
    scene.api.trouble = None
    scene.api.events = [STARTED, COMPLETED]
    scene.round()
    assert scene.summed_up == [(STARTED, COMPLETED)]


def test_while_something_else_is_asked_the_question_waits(scene):
    scene.fail_over()
    scene.api.answering.clear()
    scene.plane.compare(scene.endpoint)
    scene.now += LONG
    scene.events.ask_if_due()
    assert scene.api.since == []
    scene.settle()
    scene.round(after=0.0)
    assert len(scene.api.since) == 1


def test_the_next_failover_takes_the_place_of_the_one_before(scene):
    scene.fail_over()
    scene.api.events = [STARTED]
    scene.round()
    latest = scene.fail_over()
    scene.api.events = [STARTED, COMPLETED]
    scene.round()
    (report,) = [each for each in scene.reports if isinstance(each, ControlPlaneReport)]
    assert report.failover is latest


@pytest.mark.parametrize("use", ["off", "auto"])
def test_only_a_cluster_that_the_api_was_asked_about_is_followed(use):
    scene = Scene(rds_api=use)
    scene.fail_over()
    scene.round()
    assert scene.api.since == []
