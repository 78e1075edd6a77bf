from tests.compat.comparison import Comparison, Pair
from tests.compat.runs import Agent

AT_WORK = Agent(opened=2, identified=1, failures={})


def compared(without, with_us, *again, agent=AT_WORK, reasons=None):
    """Return the comparison of two runs of a suite of two tests, the second of which passes."""
    first, *later = ((without, with_us), *again)
    pairs = [Pair({"test": a, "other": "passed"}, {"test": b, "other": "passed"}) for a, b in later]
    whole = Pair({"test": first[0], "other": "passed"}, {"test": first[1], "other": "passed"})
    return Comparison("suite 1", "driver 2", whole, agent, reasons or {}, pairs)


def test_a_suite_that_ends_the_same_is_harmless():
    assert compared("passed", "passed").is_harmless
    assert compared("skipped", "skipped").is_harmless


def test_a_test_that_passes_no_longer_is_a_difference():
    result = compared("passed", "failed: OperationalError")
    assert [each.test for each in result.unexplained] == ["test"]
    assert not result.is_harmless


def test_a_test_that_passes_with_us_alone_is_a_difference_too():
    assert not compared("failed: OperationalError", "passed").is_harmless


def test_a_test_that_fails_in_another_way_is_a_difference():
    assert not compared("failed: OperationalError", "failed: InterfaceError").is_harmless


def test_a_test_that_is_no_longer_there_is_a_difference():
    pair = Pair({"test": "passed", "other": "passed"}, {"other": "passed"})
    result = Comparison("suite 1", "driver 2", pair, AT_WORK, {})
    assert [each.with_us for each in result.unexplained] == [("absent",)]


def test_a_difference_with_a_reason_is_harmless_and_shown():
    result = compared("passed", "failed: AssertionError", reasons={"test": "because"})
    assert [each.reason for each in result.differences] == ["because"]
    assert result.is_harmless


def test_a_test_that_fails_without_us_as_well_is_listed():
    result = compared("failed: OperationalError", "failed: OperationalError")
    assert result.failing == {"test": "failed: OperationalError"}
    assert result.is_harmless


def test_a_test_that_fails_now_and_then_without_us_wavers():
    result = compared("passed", "failed: E", ("failed: E", "passed"), ("passed", "failed: E"))
    assert [each.test for each in result.wavering] == ["test"]
    assert not result.differences
    assert result.is_harmless


def test_a_test_that_wavers_with_us_alone_is_a_difference():
    assert not compared("passed", "failed: E", ("passed", "passed")).is_harmless


def test_a_test_that_never_passes_with_us_does_not_waver():
    assert not compared("passed", "failed: E", ("failed: E", "failed: E")).is_harmless


def test_a_test_that_a_repetition_did_not_reach_does_not_waver_for_that():
    result = compared("passed", "failed: E")
    result.again.append(Pair({"other": "passed"}, {"other": "passed"}))
    result.again.append(Pair({"other": "passed"}, {"test": "passed", "other": "passed"}))
    assert not result.is_harmless


def test_a_run_in_which_the_agent_was_not_at_work_says_nothing():
    idle = Agent(opened=2, identified=0, failures={})
    assert not compared("passed", "passed", agent=idle).is_harmless


def test_a_run_in_which_no_test_passed_says_nothing():
    pair = Pair({"test": "skipped"}, {"test": "skipped"})
    assert not Comparison("suite 1", "driver 2", pair, AT_WORK, {}).is_harmless


def test_a_failure_inside_the_agent_is_no_harmless_run():
    broken = Agent(opened=2, identified=2, failures={"closing": 1})
    assert not compared("passed", "passed", agent=broken).is_harmless
