"""How a run is reported."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos import report
from tests.chaos.plan import Action, Event
from tests.chaos.run import Outcome, Violation

COMMAND = "python -m tests.chaos --seed 7 --events 2"
EVENTS = (Event(1, Action.CRASH), Event(2, Action.LEAK))


@pytest.fixture
def outcome():
    return Outcome(EVENTS, judged=Counter(Wrote=9), counts={"writes": 9}, seconds=3.2)


def test_a_summary_takes_the_place_of_the_one_before(tmp_path, outcome):
    document = tmp_path / "reliability.md"
    document.write_text(f"Before.\n\n{report.BEGIN}\nold\n{report.END}\n\nAfter.\n")
    report.write(document, COMMAND, outcome)
    text = document.read_text()
    assert text.startswith("Before.\n")
    assert text.endswith("\n\nAfter.\n")
    assert "old" not in text
    for reported in (COMMAND, "in 3 s", "| writes | 9 |", f"| {Action.CRASH.value} | 1 |"):
        assert reported in text
    report.write(document, COMMAND, outcome)
    assert document.read_text() == text


def test_a_document_without_a_place_for_it_is_left_alone(tmp_path, outcome):
    document = tmp_path / "reliability.md"
    document.write_text("Before.\n")
    with pytest.raises(SystemExit, match="no place"):
        report.write(document, COMMAND, outcome)
    assert document.read_text() == "Before.\n"


def test_a_failure_says_what_is_broken_and_how_to_see_it_again():
    reported = report.failure(COMMAND, Violation("all is well", "it is not", 2))
    for expected in ("all is well", "it is not", "2 events", COMMAND):
        assert expected in reported


def test_a_history_lists_its_events_and_how_often_it_showed():
    reported = report.history(f"{COMMAND} --keep 2", EVENTS[1:], times=2, runs=3)
    assert "2 of 3 runs" in reported
    assert "--keep 2" in reported
    assert Action.LEAK.value in reported
    assert Action.CRASH.value not in reported
    assert "no event at all" in report.history(COMMAND, (), times=3, runs=3)
