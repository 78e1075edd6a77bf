"""What counts as a target met, in a full run and in a quick one."""

from __future__ import annotations

import pytest

from benchmarks.figures import Answer, Bars, Figure, Spread, Verdict


def figure(value, limit=1.0, **more):
    return Figure("something", Spread(value, value, value), "ms", limit, **more)


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "verdict"),
    [
        (0.9, 1.0, False, Verdict.MET),
        (1.0, 1.0, False, Verdict.MET),
        (1.1, 1.0, False, Verdict.MISSED),
        (0.0, 0.0, False, Verdict.MET),
        (20.0, 20.0, True, Verdict.MET),
        (19.9, 20.0, True, Verdict.MISSED),
        (-0.1, 0.5, False, Verdict.MET),
        (5.0, None, False, Verdict.NONE),
    ],
)
def test_a_full_run_goes_by_the_target(value, limit, at_least, verdict):
    assert figure(value, limit, at_least=at_least).verdict() is verdict


def test_it_is_the_median_that_counts():
    assert Figure("x", Spread(0.1, 0.9, 5.0), "ms", 1.0).verdict() is Verdict.MET
    assert Figure("x", Spread(0.1, 1.1, 1.2), "ms", 1.0).verdict() is Verdict.MISSED


def test_a_quick_run_leaves_a_threefold_margin():
    assert figure(0.9).verdict(quick=True) is Verdict.MET
    assert figure(2.9).verdict(quick=True) is Verdict.WITHIN_MARGIN
    assert figure(3.1).verdict(quick=True) is Verdict.MISSED
    assert figure(7.0, 20.0, at_least=True).verdict(quick=True) is Verdict.WITHIN_MARGIN
    assert figure(6.0, 20.0, at_least=True).verdict(quick=True) is Verdict.MISSED
    assert figure(9.0, None).verdict(quick=True) is Verdict.NONE


def test_an_answer_is_met_when_no_figure_missed():
    plot = Bars("ms", {})
    assert Answer((figure(0.5), figure(9.0, None)), plot).is_met()
    assert not Answer((figure(0.5), figure(9.0)), plot).is_met()
    assert Answer((figure(0.5), figure(2.0)), plot).is_met(quick=True)
    assert not Answer((figure(0.5), figure(9.0)), plot).is_met(quick=True)


def test_a_spread_is_median_and_quartiles():
    assert Spread.of([4.0, 1.0, 3.0, 2.0, 5.0]) == Spread(2.0, 3.0, 4.0)
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)
    assert Spread(1.0, 2.0, 3.0) * 2 == Spread(2.0, 4.0, 6.0)
