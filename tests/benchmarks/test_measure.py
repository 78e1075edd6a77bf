"""Contenders have their turns one after the other, again and again."""

from __future__ import annotations

from benchmarks.figures import Spread
from benchmarks.measure import Effort, Rounds, in_turn


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
    rounds.seconds["theirs"] = [6.0, 60.0, 6.0]
    assert rounds.times("theirs", "ours", beyond="plain") == Spread(10.0, 10.0, 10.0)
