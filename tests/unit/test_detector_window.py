"""The window, and the pace of refreshes."""

import pytest

from aurora_otel.model.detector import (
    FIRST_STEP,
    RAREST,
)
from aurora_otel.model.symptoms import Symptom
from tests.support.detectors import detector, verdict


def test_a_symptom_opens_the_window_and_the_next_one_extends_it():
    known = detector(window=180)
    assert not known.window_open(0.0)
    known.symptom(Symptom.READ_ONLY, 0.0)
    assert known.window_open(179.9)
    known.symptom(Symptom.READ_ONLY, 100.0)
    assert known.window_open(279.9)
    assert not known.window_open(280.0)


def test_a_closed_window_is_opened_by_the_next_symptom():
    known = detector()
    known.symptom(Symptom.READ_ONLY, 0.0)
    known.close_window()
    assert not known.window_open(0.0)
    assert not known.refresh_due(0.0)
    known.symptom(Symptom.READ_ONLY, 1.0)
    assert known.refresh_due(1.0)


def test_a_verdict_that_was_acted_upon_closes_the_window_unless_a_symptom_came_since():
    known = detector()
    known.symptom(Symptom.READ_ONLY, 0.0)
    known.judge(verdict("b", 1.0))
    known.cleaned_up()
    assert not known.window_open(1.0)

    known.symptom(Symptom.READ_ONLY, 10.0)
    known.judge(verdict("c", 11.0))
    known.symptom(Symptom.READ_ONLY, 12.0)
    known.cleaned_up()
    assert known.window_open(12.0)


def test_refreshes_are_due_in_the_window_alone():
    known = detector(window=10)
    assert not known.refresh_due(0.0)
    known.symptom(Symptom.READ_ONLY, 0.0)
    assert known.refresh_due(0.0)
    known.refreshed(0.0, confirmed=True)
    assert not known.refresh_due(0.9)
    assert known.refresh_due(1.0)
    assert not known.refresh_due(10.0)


def gaps(known, count, start=0.0):
    now, found = start, []
    for _ in range(count):
        known.refreshed(now, confirmed=True)
        found.append(known._next_refresh - now)
        now = known._next_refresh
    return found


def test_refreshes_become_rarer_down_to_a_limit():
    known = detector(interval=1)
    known.symptom(Symptom.READ_ONLY, 0.0)
    found = gaps(known, 12)
    assert found[:3] == pytest.approx([1, 1.5, 2.25])
    assert found == sorted(found)
    assert found[-1] == pytest.approx(RAREST)


def test_refreshes_that_symptoms_ask_for_make_those_that_are_due_no_rarer():
    known = detector(interval=1)
    known.symptom(Symptom.CONNECTION_LOST, 0.0)
    known.refreshed(0.0, confirmed=False)
    for step in range(1, 20):
        known.refreshed(step / 20, confirmed=False)
    assert not known.refresh_due(0.95 + 1.4)
    assert known.refresh_due(0.95 + 1.5)


def test_an_interval_that_is_rarer_than_the_rarest_stays():
    known = detector(interval=60)
    known.symptom(Symptom.READ_ONLY, 0.0)
    assert gaps(known, 3) == pytest.approx([60, 60, 60])


def test_a_symptom_in_the_window_does_not_make_refreshes_frequent_again():
    known = detector()
    known.symptom(Symptom.READ_ONLY, 0.0)
    gaps(known, 5)
    known.symptom(Symptom.READ_ONLY, 20.0)
    assert gaps(known, 1, 20.0)[0] > 5


def test_a_new_window_begins_with_frequent_refreshes():
    known = detector()
    known.symptom(Symptom.READ_ONLY, 0.0)
    gaps(known, 5)
    known.close_window()
    known.symptom(Symptom.READ_ONLY, 20.0)
    assert gaps(known, 1, 20.0) == pytest.approx([1])


@pytest.mark.parametrize(("random", "gap"), [(0.0, 0.75), (0.5, 1.0), (0.999999, 1.25)])
def test_jitter_is_a_quarter_at_most(random, gap):
    known = detector(random=lambda: random)
    known.symptom(Symptom.READ_ONLY, 0.0)
    assert gaps(known, 1) == pytest.approx([gap], abs=1e-3)


def test_refreshes_are_repeated_in_steps_that_grow_only_while_no_writer_confirms():
    known = detector(interval=1)
    known.symptom(Symptom.READ_ONLY, 100.0)
    assert known.retry_at <= 100.0
    steps = []
    for waited in (0.0, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0):
        known.symptom(Symptom.READ_ONLY, 100.0 + waited)
        known.refreshed(100.0 + waited, confirmed=False)
        steps.append(known.retry_at - 100.0 - waited)
    assert steps == pytest.approx([FIRST_STEP, FIRST_STEP, FIRST_STEP, 0.1, 0.5, 1, 1])
    for _ in range(3):
        known.refreshed(160.0, confirmed=True)
        assert known.retry_at == pytest.approx(160.0 + FIRST_STEP)
    known.symptom(Symptom.READ_ONLY, 170.0)
    known.refreshed(171.0, confirmed=False)
    assert known.retry_at == pytest.approx(171.1)


def test_a_new_window_begins_with_short_steps():
    known = detector()
    known.symptom(Symptom.READ_ONLY, 0.0)
    known.refreshed(100.0, confirmed=False)
    known.symptom(Symptom.READ_ONLY, 500.0)
    known.refreshed(500.0, confirmed=False)
    assert known.retry_at == pytest.approx(500 + FIRST_STEP)


def test_a_refresh_that_no_symptom_asked_for_makes_the_next_ones_rarer():
    known = detector(interval=1)
    known.refreshed(0.0, confirmed=False)
    known.refreshed(0.5, confirmed=False)
    assert known.retry_at == 0.5 + FIRST_STEP
    assert known._next_refresh == pytest.approx(0.5 + 1.5)
