from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.demo.glance import glance
from aurora_otel.demo.live import LEVELS, line, sparkline
from aurora_otel.demo.recording import Phase, Timeline
from tests.demo.runs import sample


def report(*calls, in_flight=(), at=5.0):
    return {
        "at": at,
        "calls": [
            {
                "operation": "connect" if outcome == "connected" else "write",
                "client": "writer-1",
                "connection": 1,
                "start": end,
                "end": end,
                "outcome": outcome,
                "error": "",
            }
            for end, outcome in calls
        ],
        "in_flight": [
            {"operation": "write", "client": "writer-1", "connection": 1, "start": start}
            for start in in_flight
        ],
    }


def test_a_run_that_has_not_started_shows_only_that():
    seen = glance(Timeline("with"), 100.0)
    assert (seen.seconds, seen.succeeded, seen.writer) == (0, (0,), None)
    assert line(seen).strip() == "starting"


def test_writes_are_counted_in_the_second_in_which_they_ended():
    timeline = Timeline("with", phase=Phase.AFTER, started=2.0)
    timeline.heard(report((2.5, "ok"), (3.1, "ok"), (3.2, "refused"), (4.9, "closed")))
    timeline.heard(report((1.9, "connected"), in_flight=(3.0, 4.9)))
    timeline.sampled(sample(4.5, 3))
    seen = glance(timeline, 5.0)
    assert (seen.succeeded, seen.failed) == ((1, 1, 0, 0), (0, 1, 1, 0))
    assert (seen.refused_writes, seen.closed_writes, seen.waiting) == (1, 1, 1)
    assert "after the failover" in line(seen)
    assert "writer lab-2  sessions lab-1=3 lab-2=17" in line(seen)


@given(st.lists(st.integers(0, 1000)))
def test_a_sparkline_has_a_character_a_count_and_its_highest_for_the_largest(counts):
    shown = sparkline(counts)
    assert len(shown) == len(counts)
    assert [character == " " for character in shown] == [count == 0 for count in counts]
    if any(counts):
        assert shown[counts.index(max(counts))] == LEVELS[-1]
