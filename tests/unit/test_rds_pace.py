import pytest

from aurora_otel.discovery.rds.answers import Trouble
from aurora_otel.discovery.rds.pace import Pace


def steps(trouble, count, *, interval=1.0, random=0.5):
    """Return the seconds between questions that are asked as soon as they are due."""
    pace, now, found = Pace(lambda: random), 100.0, []
    assert pace.next < now
    for _ in range(count):
        pace.asked(trouble, now, interval)
        found.append(round(pace.next - now, 3))
        now = pace.next
    return found


def test_while_no_writer_is_found_questions_become_rarer():
    assert steps(None, 9) == [2, 3, 4.5, 6.75, 10.125, 15.188, 22.781, 30, 30]
    assert steps(None, 2, interval=0.1) == [0.2, 0.3]


@pytest.mark.parametrize("trouble", [Trouble.THROTTLED, Trouble.UNREACHABLE, Trouble.FAILED])
def test_an_api_in_trouble_is_asked_less_and_less_often(trouble):
    found = steps(trouble, 12)
    assert found[:3] == [10, 15, 22.5]
    assert found[-1] == 300


@pytest.mark.parametrize("trouble", [Trouble.DENIED, Trouble.NO_CREDENTIALS, Trouble.NOT_FOUND])
def test_where_an_operator_has_to_change_something_it_is_asked_once_in_ten_minutes(trouble):
    assert steps(trouble, 2) == [600, 600]


def test_many_processes_spread_their_questions():
    assert steps(None, 1, random=0.0) == [1.5]
    assert steps(None, 1, random=1.0) == [2.5]


def test_an_answer_after_a_trouble_and_a_long_silence_start_over():
    pace = Pace(lambda: 0.5)
    pace.asked(Trouble.DENIED, 0.0, 1.0)
    pace.asked(None, 600.0, 1.0)
    assert pace.next == 602.0
    pace.asked(None, 602.0, 1.0)
    assert pace.next == 605.0
    pace.asked(None, 1000.0, 1.0)
    assert pace.next == 1002.0
