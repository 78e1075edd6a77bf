from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.demo.figures import agent_figures, figures
from aurora_otel.demo.recording import Operation, Outcome
from tests.demo.runs import (
    ENDED,
    PUBLISHED,
    connect,
    failover_spans,
    point,
    recording,
    sample,
    write,
)

clients = st.sampled_from([*(f"writer-{n}" for n in range(4)), "idle-1", "idle-2", "fresh"])
outcomes = st.sampled_from(Outcome)


@st.composite
def calls(draw):
    outcome = draw(outcomes)
    start = draw(st.floats(0, ENDED))
    end = start + draw(st.floats(0, 5))
    if outcome in {Outcome.CONNECTED, Outcome.CONNECT_FAILED}:
        return connect(draw(clients), start, end, outcome)
    return write(draw(clients), start, end, outcome, connection=draw(st.integers(1, 5)))


@given(st.lists(calls()), st.lists(st.tuples(st.floats(0, 30), st.integers(0, 20))))
def test_every_write_is_counted_once(seen, sampled):
    run = recording(*seen, samples=tuple(sample(*one) for one in sorted(sampled)))
    counted = figures(run)
    writes = [call for call in seen if call.operation is Operation.WRITE]
    succeeded = sum(call.outcome is Outcome.OK for call in writes)
    assert counted.writes == len(writes)
    assert counted.accepted_writes == succeeded
    assert counted.writes == succeeded + counted.failed_writes + counted.closed_writes
    assert 0 <= counted.failed_writes_in_the_end <= counted.failed_writes
    refused = counted.refused_after_published
    assert refused.most_per_writing_thread + refused.on_idle_connections <= refused.total
    assert refused.total <= counted.failed_writes
    assert counted.most_closed_writes_per_connection <= counted.closed_writes
    assert counted.writing_threads_that_write_again <= counted.writing_threads


@given(st.lists(calls()))
def test_the_agents_figures_never_fail_without_telemetry(seen):
    assert agent_figures(recording(*seen)).verdict_seconds is None


def test_a_write_that_never_returned_has_failed():
    counted = figures(recording(in_flight=(write("idle-1", 12, 20, Outcome.IN_FLIGHT),)))
    assert (counted.writes, counted.failed_writes, counted.hung_calls) == (1, 1, 1)
    assert counted.failed_writes_in_the_end == 1


def test_a_connect_is_no_write():
    counted = figures(recording(connect("fresh", 12, 13, Outcome.CONNECT_FAILED)))
    assert (counted.writes, counted.failed_connects) == (0, 1)


def test_what_was_refused_before_the_topology_changed_is_no_matter():
    before = write("writer-1", 10.4, PUBLISHED - 0.1, Outcome.REFUSED)
    after = [write("writer-1", 11.6, 11.7, Outcome.REFUSED) for _ in range(2)]
    idle = write("idle-3", 14, 14.1, Outcome.REFUSED)
    counted = figures(recording(before, *after, idle))
    assert counted.failed_writes == 4
    refused = counted.refused_after_published
    assert (refused.total, refused.most_per_writing_thread, refused.on_idle_connections) == (
        3,
        2,
        1,
    )


def test_what_is_refused_on_a_connection_that_was_opened_after_the_failover_is_counted_apart():
    calls = [
        replace(connect("writer-1", 5, 5.1), connection=1),
        replace(connect("fresh", 11.2, 11.3), connection=2),
        replace(connect("fresh", 11.6, 11.7), connection=3),
        write("writer-1", 12, 12.1, Outcome.REFUSED, connection=1),
        # Opened while the old writer still took writes.
        write("fresh", 11.6, 11.8, Outcome.REFUSED, connection=2),
        write("fresh", 11.8, 11.9, Outcome.REFUSED, connection=3),
    ]
    counted = figures(recording(*calls))
    assert counted.refused_after_published.total == 3
    assert counted.refused_after_published.on_new_connections == 1
    assert counted.seconds_to_last_failed_write == pytest.approx(2.1)
    assert figures(recording()).seconds_to_last_failed_write is None


def test_a_write_that_the_old_writer_may_have_taken_is_not_the_first_clean_one():
    counted = figures(
        recording(
            write("writer-1", 11.4, 11.41),
            write("fresh", 11.9, 11.95),
            write("writer-2", 12.4, 12.5),
            write("writer-1", 13, 13.1),
        )
    )
    assert counted.seconds_to_first_clean_write == pytest.approx(2.5)
    assert (counted.writing_threads_that_write_again, counted.writing_threads) == (2, 2)


def test_closed_writes_are_counted_by_connection():
    counted = figures(
        recording(
            write("writer-1", 12, 13, Outcome.CLOSED, connection=7),
            write("writer-2", 12, 13, Outcome.CLOSED, connection=8),
            write("writer-2", 13, 14, Outcome.CLOSED, connection=8),
        )
    )
    assert (counted.closed_writes, counted.most_closed_writes_per_connection) == (3, 2)
    assert counted.failed_writes == 0


@pytest.mark.parametrize(
    ("samples", "left", "expected"),
    [
        ([(9, 20), (11, 20), (12, 3), (13, 0), (14, 0)], 0, 3),
        ([(9, 20), (11, 0), (12, 3), (13, 0)], 0, 3),  # gone, and back, and gone
        ([(9, 0), (12, 0)], 0, 2),
        ([(12, 20), (13, 0)], 1, None),
        ([(12, 20)], 0, None),
        ([], 0, None),
    ],
)
def test_no_stale_connection_is_left_once_the_samples_stay_at_zero(samples, left, expected):
    run = recording(samples=tuple(sample(*one) for one in samples), left=left)
    assert figures(run).seconds_to_no_stale_connection == expected


def test_the_agents_figures_come_from_what_it_exported():
    run = recording(
        spans=failover_spans(verdict=12.0),
        exports=(
            (point("aurora.failovers", 0, aurora__failover__symptom="read_only"),),
            (
                point("aurora.failovers", 1, aurora__failover__symptom="read_only"),
                point("aurora.failovers", 0, aurora__failover__symptom="stuck"),
                point("aurora.failover.detection.duration", total=0.25),
                point("aurora.failover.cleanup.duration", total=0.01),
                *(
                    point(
                        "aurora.connection.invalidations",
                        count,
                        aurora__invalidation__outcome=outcome,
                        aurora__instance__id=instance,
                    )
                    for instance, outcome, count in [
                        ("lab-1", "closed", 19),
                        ("lab-3", "closed", 1),
                        ("lab-1", "failed", 5),
                    ]
                ),
            ),
        ),
    )
    figures = agent_figures(run)
    assert (figures.invalidated, figures.failovers, figures.symptoms) == (20, 1, ("read_only",))
    assert (figures.detection_seconds, figures.cleanup_seconds) == (0.25, 0.01)
    assert figures.verdict_seconds == pytest.approx(2.0)


def test_stuck_calls_are_those_in_flight_at_the_verdict_that_did_not_succeed():
    figures = agent_figures(
        recording(
            write("writer-1", 10.5, 12.3, Outcome.CLOSED, error="gone"),
            write("writer-2", 10.5, 12.2, Outcome.CLOSED, error="gone"),
            write("writer-3", 11.9, 12.4),  # succeeded
            write("writer-4", 11.0, 11.9, Outcome.CLOSED),  # returned before
            write("idle-1", 14.0, 14.1, Outcome.CLOSED),  # began after
            spans=failover_spans(verdict=12.0),
        )
    )
    assert figures.stuck_calls == 2
    assert figures.stuck_seconds_after_verdict == pytest.approx(0.3)
    assert figures.stuck_errors == ("gone",)


def test_a_call_that_stayed_stuck_counts_to_the_end():
    figures = agent_figures(
        recording(
            in_flight=(write("writer-1", 10.5, ENDED, Outcome.IN_FLIGHT),),
            spans=failover_spans(verdict=12.0),
        )
    )
    assert figures.stuck_seconds_after_verdict == pytest.approx(ENDED - 12)


def test_the_longest_time_without_an_accepted_write_is_one_threads_and_includes_both_ends():
    accepted = [write("writer-1", at, at) for at in (3.0, 9.0)]
    refused = write("writer-1", 14, 14, Outcome.REFUSED)
    assert figures(recording(*accepted, refused)).seconds_without_a_write == ENDED - 9
    fresh = write("fresh", 15, 15)  # another client's does not count for this thread
    assert figures(recording(*accepted, refused, fresh)).seconds_without_a_write == ENDED - 9
    late = write("writer-1", 19, 19)
    assert figures(recording(*accepted, late)).seconds_without_a_write == 10
    other = write("writer-2", 8, 8)
    assert figures(recording(*accepted, late, other)).seconds_without_a_write == ENDED - 8
    assert figures(recording(refused)).seconds_without_a_write == ENDED
