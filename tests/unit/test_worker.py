import pytest
from opentelemetry.context import Context

from aurora_otel.monitoring.requests import Trigger
from tests.support.waiting import eventually
from tests.unit.refreshes import FOR_EVER, refreshed, returned


@pytest.fixture
def cluster():
    with refreshed() as made:
        yield made


def test_a_call_waits_for_its_refresh_and_is_answered(cluster):
    caller = cluster.call(suspect="a")
    cluster.wait_for(1)
    assert caller.is_alive()
    cluster.end_refresh()
    assert returned(caller)
    assert cluster.worker.answered_since(100.0)
    assert not cluster.worker.answered_since(100.1)
    assert [trigger.suspect for trigger in cluster.triggers] == ["a"]
    eventually(lambda: cluster.is_idle)
    assert cluster.rested == 1


def test_calls_that_ask_together_share_one_refresh(cluster):
    callers = [cluster.call() for _ in range(8)]
    cluster.wait_for(1)
    cluster.wait_for_calls(8)
    cluster.end_refresh()
    assert all(map(returned, callers))
    assert len(cluster.triggers) == 1


def one_while_a_reading_goes_on(cluster):
    """Return a call that began a reading, and one that was made meanwhile."""
    first = cluster.call()
    cluster.wait_for(1)
    cluster.clock.now += 1
    late = cluster.call()
    cluster.wait_for_calls(2)
    return first, late


def test_a_call_whose_question_came_after_the_reading_began_waits_for_the_next(cluster):
    first, late = one_while_a_reading_goes_on(cluster)
    cluster.end_refresh()
    assert returned(first)
    cluster.wait_for(2)
    assert late.is_alive()
    cluster.end_refresh()
    assert returned(late)


def test_another_writer_answers_every_call(cluster):
    first, late = one_while_a_reading_goes_on(cluster)
    cluster.end_refresh(changed=True)
    assert returned(first)
    assert returned(late)
    assert len(cluster.triggers) == 1


def test_another_writer_answers_no_later_call_where_all_were_heard_before_it_was_believed(cluster):
    first, late = one_while_a_reading_goes_on(cluster)
    cluster.end_refresh(changed=True, heard_all=True)
    assert returned(first)
    cluster.wait_for(2)
    assert late.is_alive()
    cluster.end_refresh()
    assert returned(late)


def test_refreshes_are_repeated_while_no_writer_confirms(cluster):
    caller = cluster.call()
    for number in (1, 2, 3):
        cluster.wait_for(number)
        assert caller.is_alive()
        cluster.end_refresh(confirmed=number == 3)
    assert returned(caller)
    assert len(cluster.triggers) == 3


def test_a_call_waits_no_longer_than_its_budget_and_the_refresh_ends_by_itself(cluster):
    caller = cluster.call(budget=0.0)
    assert returned(caller)
    cluster.wait_for(1)
    cluster.end_refresh(confirmed=False)
    eventually(lambda: cluster.is_idle)
    assert (len(cluster.triggers), cluster.rested) == (1, 1)


def test_a_call_whose_budget_ends_in_the_middle_of_a_refresh_returns(cluster):
    caller = cluster.call(budget=0.05)
    cluster.wait_for(1)
    cluster.clock.now += 1
    assert returned(caller)
    assert not cluster.is_idle


def test_refreshes_go_on_for_as_long_as_the_budget_of_a_call_lasts(cluster):
    impatient = cluster.call(budget=0.0)
    assert returned(impatient)
    cluster.wait_for(1)
    patient = cluster.call()
    cluster.wait_for_calls(2)
    cluster.end_refresh(confirmed=False)
    cluster.wait_for(2)
    cluster.end_refresh()
    assert returned(patient)


def test_a_refresh_begins_no_earlier_than_it_may(cluster):
    cluster.earliest = 100.05
    cluster.call()
    cluster.wait_for_calls(1)
    assert cluster.triggers == []
    cluster.clock.now = 100.05
    cluster.wait_for(1)


def test_a_refresh_that_was_put_off_begins_once_it_may(cluster):
    cluster.earliest = 100.0 + FOR_EVER
    cluster.call()
    eventually(lambda: cluster.is_waiting_for_its_turn)
    cluster.earliest = float("-inf")
    cluster.worker.reconsider()
    cluster.wait_for(1)
    cluster.end_refresh()


def test_a_refresh_that_is_due_runs_once(cluster):
    caller = cluster.call(take=True)
    cluster.wait_for(1)
    assert caller.is_alive()
    cluster.end_refresh(confirmed=False)
    assert returned(caller)
    eventually(lambda: cluster.is_idle)
    assert len(cluster.triggers) == 1


def test_a_call_that_saw_nothing_does_not_wait(cluster):
    first = cluster.call()
    cluster.wait_for(1)
    assert returned(cluster.call(take=True))
    assert first.is_alive()
    assert len(cluster.triggers) == 1


def test_a_call_that_saw_a_symptom_joins_a_refresh_that_was_due(cluster):
    due = cluster.call(take=True)
    cluster.wait_for(1)
    cluster.clock.now += 1
    symptom = cluster.call()
    cluster.wait_for_calls(2)
    cluster.end_refresh()
    assert returned(due)
    cluster.wait_for(2)
    cluster.end_refresh()
    assert returned(symptom)


def test_a_hint_that_comes_while_a_refresh_is_running_starts_the_next(cluster):
    cluster.call(budget=0.0)
    cluster.wait_for(1)
    cluster.worker.refresh_with_hint(Trigger(Context(), hint="b"))
    cluster.end_refresh()
    cluster.wait_for(2)
    cluster.end_refresh(confirmed=False)
    eventually(lambda: cluster.is_idle)
    assert [trigger.hint for trigger in cluster.triggers] == [None, "b"]


def test_a_hint_starts_a_refresh_though_none_is_running_and_no_call_waits(cluster):
    cluster.worker.refresh_with_hint(Trigger(Context(), hint="b"))
    cluster.wait_for(1)
    cluster.end_refresh()
    eventually(lambda: cluster.is_idle)
    assert [trigger.hint for trigger in cluster.triggers] == ["b"]


def test_stop_wakes_every_call(cluster):
    callers = [cluster.call(), cluster.call(), cluster.call()]
    cluster.wait_for(1)
    cluster.wait_for_calls(3)
    thread = cluster.worker.stop()
    assert all(map(returned, callers))
    assert thread.is_alive()  # stop does not end the refresh itself
    cluster.end_refresh(confirmed=False)
    assert returned(thread)


def test_stop_wakes_a_call_that_waits_for_a_refresh_that_was_due(cluster):
    caller = cluster.call(take=True)
    cluster.wait_for(1)
    cluster.wait_for_calls(1)
    cluster.worker.stop()
    assert returned(caller)


def test_stop_ends_the_waiting_for_a_turn(cluster):
    cluster.earliest = 1e6
    caller = cluster.call()
    cluster.wait_for_calls(1)
    eventually(lambda: cluster.is_waiting_for_its_turn)
    thread = cluster.worker.stop()
    assert returned(caller)
    assert returned(thread)
    assert cluster.triggers == []


def test_after_stop_there_is_no_refresh_and_no_waiting(cluster):
    assert cluster.worker.stop() is None
    assert returned(cluster.call())
    assert returned(cluster.call(take=True))
    assert cluster.triggers == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("take", [True, False])
def test_a_refresh_that_raises_leaves_nothing_stuck(cluster, take):
    caller = cluster.call(take=take)
    cluster.wait_for(1)
    cluster.end_refresh(error=ValueError("out of the fake"))
    assert returned(caller)
    assert returned(cluster.workers[0])
    eventually(lambda: cluster.is_idle)
    again = cluster.call()
    cluster.wait_for(2)
    cluster.end_refresh()
    assert returned(again)


def test_nothing_is_released_while_a_refresh_is_running(cluster):
    cluster.call()
    cluster.wait_for(1)
    cluster.worker.rest()
    assert cluster.rested == 0
    cluster.end_refresh()
    eventually(lambda: cluster.is_idle)
    cluster.worker.rest()
    eventually(lambda: cluster.rested == 2)


def test_of_many_calls_none_waits_for_ever(cluster):
    callers = []
    for number in range(200):
        callers.append(cluster.call(take=number % 3 == 0))
        cluster.clock.now += 0.001
        cluster.end_refresh(confirmed=number % 5 != 0)
    eventually(lambda: cluster.end_refresh() or not any(t.is_alive() for t in callers))
    assert cluster.most_running == 1
