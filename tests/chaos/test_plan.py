"""Plans, and how they are cut."""

from __future__ import annotations

from tests.chaos.plan import Action, kept, plan
from tests.chaos.shortest import shortest


def test_a_seed_always_gives_the_same_plan():
    assert plan(7, 50) == plan(7, 50)
    assert plan(7, 50) != plan(8, 50)


def test_a_shorter_plan_is_the_beginning_of_a_longer():
    assert plan(7, 200)[:50] == plan(7, 50)


def test_a_long_plan_has_everything():
    assert {event.action for event in plan(1, 1000)} == set(Action)


def test_events_keep_their_numbers_when_others_are_dropped():
    assert [event.number for event in kept(plan(7, 50), [3, 17])] == [3, 17]


def test_the_shortest_history_is_found():
    asked = []

    def shows(part):
        asked.append(part)
        return {3, 11} <= set(part)

    assert shortest(range(16), shows, 100) == (3, 11)
    assert len(asked) < 40


def test_a_failure_that_takes_nothing_is_shown_by_nothing():
    assert shortest(range(16), lambda _: True, 100) == ()


def test_no_more_runs_are_made_than_allowed():
    asked = []

    def shows(part):
        asked.append(part)
        return 3 in part

    found = shortest(range(64), shows, 4)
    assert 3 in found
    assert len(found) < 64
    assert len(asked) == 4
