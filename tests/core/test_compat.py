"""What `make compat` makes of two runs of a suite."""

from __future__ import annotations

from tests.compat.comparison import Comparison


def compare(without, with_us, *, explained=None, tracked=1, failures=None):
    return Comparison("suite", without, with_us, dict(explained or {}), tracked, failures or {})


def test_the_same_outcomes_are_harmless_also_where_tests_fail_either_way():
    compared = compare({"a": "passed", "b": "failed"}, {"a": "passed", "b": "failed"})
    assert compared.is_harmless
    assert compared.failing_without == ["b"]


def test_a_test_that_fails_with_us_alone_is_not():
    assert not compare({"a": "passed", "b": "passed"}, {"a": "passed", "b": "failed"}).is_harmless


def test_a_test_that_is_missing_with_us_is_a_difference():
    (difference,) = compare({"a": "passed", "b": "passed"}, {"a": "passed"}).differences
    assert difference[:3] == ("b", "passed", "absent")


def test_a_difference_may_have_a_reason():
    compared = compare(
        {"a": "passed", "b": "passed"}, {"a": "passed", "b": "failed"}, explained={"b": "why"}
    )
    assert compared.is_harmless


def test_a_run_in_which_nothing_was_tracked_shows_nothing():
    assert not compare({"a": "passed"}, {"a": "passed"}, tracked=0).is_harmless
    assert not compare({}, {}).is_harmless


def test_a_failure_of_the_agent_counts_even_if_every_test_passes():
    assert not compare({"a": "passed"}, {"a": "passed"}, failures={"track": 1}).is_harmless


def test_only_a_test_that_wavers_without_us_is_explained_by_that():
    compared = compare({"a": "passed", "b": "passed"}, {"a": "failed", "b": "failed"})
    runs = [{"a": "passed", "b": "passed"}, {"a": "failed", "b": "passed"}]
    compared.explain_unsteady(runs)
    assert [each.reason for each in compared.differences] == [
        "wavers without us: passed 1 of 2",
        "",
    ]
