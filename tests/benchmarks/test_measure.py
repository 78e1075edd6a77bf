"""Contenders have their turns one after the other, again and again."""

from __future__ import annotations

from benchmarks.figures import Spread
from benchmarks.measure import Effort, Rounds, in_turn, joined


def test_contenders_alternate_and_none_always_comes_second():
    turns = []

    def block(name):
        def run(loops):
            turns.append(name)
            return 1.0 * loops

        return run

    rounds = in_turn({"a": block("a"), "b": block("b")}, Effort(rounds=4, block=0.5))
    # Each was warmed up first.
    assert turns[-8:] == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert turns[:-8].count("a") >= 1
    assert turns[:-8].count("b") >= 1
    assert rounds.seconds == {"a": [1.0] * 4, "b": [1.0] * 4}


def test_a_turn_lasts_about_as_long_as_it_should():
    loops = []

    def block(count):
        loops.append(count)
        return count * 1e-6

    in_turn({"a": block}, Effort(rounds=1, block=0.005))
    assert 2_500 <= loops[-1] <= 10_000


def test_differences_and_ratios_are_taken_within_a_round():
    # The machine became ten times slower, for both.
    rounds = Rounds({"ours": [1.5, 15.0, 1.5], "plain": [1.0, 10.0, 1.0]})
    assert rounds.added("ours", "plain").middle == 0.5
    assert rounds.spread("plain").middle == 1.0
    rounds = Rounds(rounds.seconds | {"theirs": [6.0, 60.0, 6.0]})
    assert rounds.times("theirs", "ours", beyond="plain") == Spread(10.0, 10.0, 10.0)


def test_what_is_added_is_given_in_multiples_of_the_floor():
    rounds = Rounds({"ours": [3.0, 5.0], "plain": [1.0, 3.0], "floor": [0.5, 0.5]})
    assert rounds.of_floor("ours", "floor", beyond="plain").middle == 4.0


def test_figures_are_those_of_the_quietest_rounds():
    # In one round of two, the machine did something else, too, while one of them had its turn.
    ours = [3.0, 9.0] * 10
    plain = [1.0, 1.0, 1.0, 7.0] * 5
    rounds = Rounds({"ours": ours, "plain": plain})
    assert rounds.spread("ours") == Spread(3.0, 3.0, 3.0)
    assert rounds.added("ours", "plain") == Spread(2.0, 2.0, 2.0)
    assert rounds.seconds["ours"] == ours


def test_the_rounds_of_several_processes_are_taken_together():
    parts = [Rounds({"a": [1.0, 2.0], "b": [3.0, 4.0]}), Rounds({"a": [5.0], "b": [6.0]})]
    assert joined(parts).seconds == {"a": [1.0, 2.0, 5.0], "b": [3.0, 4.0, 6.0]}
