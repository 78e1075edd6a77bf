"""The table shows target, figure, spread and verdict."""

from __future__ import annotations

from benchmarks import table
from benchmarks.figures import Answer, Bars, Figure, Spread

MET = Figure("added to a call", Spread(0.25, 0.2612, 0.3), "µs", 0.5)
MISSED = Figure("AWS adds more", Spread(10, 12, 14), "times", 20.0, at_least=True)
REPORTED = Figure("round trips", Spread(1, 1, 1), "")


def test_a_row_has_target_figure_spread_and_verdict():
    assert table.rows([MET, MISSED, REPORTED], quick=False) == [
        ("added to a call", "≤ 0.5 µs", "0.261 µs", "0.25 … 0.3", "met"),
        ("AWS adds more", "≥ 20 times", "12 times", "10 … 14", "MISSED"),
        ("round trips", "-", "1", "1 … 1", "-"),
    ]


def test_the_terminal_shows_all_questions_under_their_titles():
    answers = {"Calls": Answer((MET,), Bars("µs", {})), "AWS": Answer((MISSED,), Bars("", {}))}
    lines = table.text(answers, quick=False).splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == ["Calls", "AWS"]
    assert "MISSED" in lines[-1]


def test_a_quick_run_says_what_it_goes_by():
    answers = {"Calls": Answer((MET,), Bars("µs", {}))}
    assert "3 times" in table.text(answers, quick=True).splitlines()[-1]


def test_markdown_is_a_table():
    lines = table.markdown([MET, REPORTED]).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {6}
