"""Symptoms come on any thread, in the middle of whatever a verdict does."""

from __future__ import annotations

import pytest

from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Verdict
from tests.support.detectors import detector
from tests.support.interleaving import for_each_line
from tests.support.tracks import new_cluster

MODEL = (
    "aurora_otel/model/detector.py",
    "aurora_otel/model/former_writers.py",
    "aurora_otel/model/window.py",
)
MEMBERS = ("a", "b", "c")


@pytest.mark.parametrize("writer", ["a", "b"])
def test_a_symptom_in_the_middle_of_a_verdict_is_explained_by_it_or_keeps_the_window_open(writer):
    def play(strike):
        known = detector()
        known.symptom(Symptom.READ_ONLY, 1.0)

        def decide():
            if known.judge(Verdict(writer, MEMBERS, 2.0)).old_writer:
                known.cleaned_up()

        strike.during(decide, lambda: known.symptom(Symptom.CONNECTION_LOST, 3.0))
        if known.first_symptom is not None:
            assert known.window_open(4.0)
            assert known.first_symptom.kind is Symptom.CONNECTION_LOST

    for_each_line(MODEL, play)


def test_a_symptom_in_the_middle_of_the_end_of_a_window_opens_it_again():
    def play(strike):
        known = detector()
        known.symptom(Symptom.READ_ONLY, 1.0)
        known.judge(Verdict("b", MEMBERS, 2.0))
        strike.during(known.cleaned_up, lambda: known.symptom(Symptom.CONNECTION_LOST, 3.0))
        assert known.window_open(4.0) is strike.has_struck

    for_each_line(MODEL, play)


def test_a_verdict_in_the_middle_of_a_symptom_leaves_it_explained_or_unexplained_as_a_whole():
    def play(strike):
        known = detector()

        def verdict():
            known.judge(Verdict("b", MEMBERS, 2.0))
            known.cleaned_up()

        strike.during(lambda: known.symptom(Symptom.READ_ONLY, 1.0), verdict)
        assert known.window_open(3.0) is (known.first_symptom is not None)
        assert known.writer == ("b" if strike.has_struck else "a")

    for_each_line(MODEL, play)


def test_a_verdict_is_not_undone_by_an_instance_that_introduces_itself_meanwhile():
    def play(strike):
        known = detector(None)
        strike.during(lambda: known.introduce("a"), lambda: known.judge(Verdict("b", MEMBERS, 2.0)))
        assert known.writer == ("b" if strike.has_struck else "a")

    for_each_line(MODEL, play)


def test_two_symptoms_at_one_moment_are_both_noted():
    def play(strike):
        known = detector()
        strike.during(
            lambda: known.symptom(Symptom.READ_ONLY, 1.0),
            lambda: known.symptom(Symptom.CONNECTION_LOST, 1.0),
        )
        assert known.window_open(2.0)
        assert known.judge(Verdict("b", MEMBERS, 2.0)).first_symptom is not None
        known.cleaned_up()
        # One that was overtaken may keep the window open; none is explained before it was seen.
        assert known.window_open(2.0) is (known.first_symptom is not None)

    for_each_line(MODEL, play)


def test_a_refresh_that_ends_while_a_symptom_comes_leaves_a_time_for_the_next_one():
    def play(strike):
        known = detector()
        known.symptom(Symptom.READ_ONLY, 1.0)
        strike.during(
            lambda: known.refreshed(2.0, confirmed=True),
            lambda: known.symptom(Symptom.CONNECTION_LOST, 2.0),
        )
        assert 2.0 < known.retry_at <= 3.0

    for_each_line(MODEL, play)


def test_calls_go_on_refreshing_after_a_symptom_that_came_while_the_cluster_calmed_down():
    def play(strike):
        cluster = new_cluster()

        def symptom():
            cluster.detector.symptom(Symptom.READ_ONLY, 1.0)
            cluster.alert = True

        strike.during(lambda: cluster.calm(1.0), symptom)
        assert cluster.alert is strike.has_struck

    for_each_line(("aurora_otel/tracking/cluster.py", *MODEL), play)
