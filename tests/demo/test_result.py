import json
from dataclasses import replace

import pytest

from aurora_otel.demo.recording import Outcome
from aurora_otel.demo.result import installed_versions
from aurora_otel.lab import Failover
from tests.demo.runs import connect, hung, recording, result, with_agent, write


def broken(result):
    return [promise.promise for promise in result.promises if not promise.kept]


def test_a_switchover_that_is_cleaned_up_keeps_every_promise():
    assert broken(result()) == []
    assert result().kept


@pytest.mark.parametrize(
    ("calls", "more", "word"),
    [
        ((write("writer-1", 12, 12.1, Outcome.REFUSED),) * 2, {}, "per writing thread"),
        ((write("idle-2", 12, 12.1, Outcome.REFUSED),), {}, "idle"),
        ((write("writer-1", 12, 12.1, Outcome.CLOSED),) * 2, {}, "connection is gone"),
        ((write("writer-2", 12, 12.1, Outcome.REFUSED),), {}, "writes again"),
        ((), {"left": 1}, "left on the old writer"),
        ((), {"exports": ()}, "exactly one failover"),
    ],
)
def test_each_promise_can_break(calls, more, word):
    (promise,) = broken(result(with_agent=with_agent(*calls, **more)))
    assert word in promise


@pytest.mark.parametrize(
    ("calls", "word"),
    [
        (
            (
                write("writer-1", 11.6, 11.7, Outcome.REFUSED),
                write("writer-1", 11.8, 11.9, Outcome.CLOSED),
            ),
            "fails once the topology",
        ),
        ((write("idle-1", 14, 14.1, Outcome.CLOSED),), "hands out none that is gone"),
    ],
)
def test_a_pool_promises_more(calls, word):
    run = with_agent(*calls)
    assert broken(result(Failover.CRASH, with_agent=run)) == []
    (promise,) = broken(result(Failover.CRASH, with_agent=run, pool="sqlalchemy"))
    assert word in promise


def test_a_pool_loses_no_write_while_the_old_writer_lives():
    run = with_agent(write("writer-1", 11.6, 11.7, Outcome.CLOSED))
    assert result(with_agent=run).kept
    assert result(Failover.CRASH, with_agent=run, pool="sqlalchemy").kept
    (promise,) = broken(result(with_agent=run, pool="sqlalchemy"))
    assert "its connection is gone" in promise


def test_a_restart_ends_the_connections_of_a_pool_itself():
    run = with_agent(write("writer-1", 11.6, 11.7, Outcome.CLOSED))
    assert result(with_agent=run, pool="sqlalchemy", kind="plain").kept
    assert not result(with_agent=run, pool="sqlalchemy").kept


def test_a_restart_promises_that_writes_go_on_in_the_end():
    run = with_agent(*(write("writer-1", at, at + 0.1, Outcome.REFUSED) for at in (12.5, 12.6)))
    assert result(with_agent=run, kind="plain").kept
    assert not result(with_agent=run).kept
    late = with_agent(write("writer-1", 19.5, 19.6, Outcome.REFUSED))
    (promise,) = broken(result(with_agent=late, kind="plain"))
    assert "in the end" in promise


def test_while_dns_is_late_no_new_connection_is_refused_and_writes_do_not_wait_for_it():
    good = with_agent(write("writer-1", 12, 12.1))
    assert broken(result(with_agent=good, dns_lag=5)) == []
    new = replace(connect("fresh", 12, 12.1), connection=7)
    refused = write("fresh", 12.2, 12.3, Outcome.REFUSED, connection=7)
    run = with_agent(new, refused)
    assert broken(result(with_agent=run)) == []
    (promise,) = broken(result(with_agent=run, dns_lag=5))
    assert "opened after the failover" in promise
    (promise,) = broken(result(with_agent=good, dns_lag=0.5))
    assert "before DNS leads there" in promise


def test_a_switchover_without_its_problem_shows_nothing():
    nothing_wrong = result(without=recording(name="without"))
    assert [control.shown for control in nothing_wrong.controls] == [False, False]
    assert broken(nothing_wrong) == []
    assert not nothing_wrong.kept
    assert [control.shown for control in result().controls] == [True, True]


def test_a_crash_need_not_show_the_problem():
    without = recording(name="without")
    assert result(Failover.CRASH, without=without).controls == ()
    assert result(Failover.CRASH, without=without).kept


def test_calls_that_are_stuck_must_return_soon_after_the_verdict():
    soon = with_agent(write("writer-1", 10.5, 13.9, Outcome.CLOSED))
    late = with_agent(write("writer-1", 10.5, 14.1, Outcome.CLOSED))
    never = with_agent()
    assert result(Failover.HANG, with_agent=soon).kept
    for run in (late, never):
        (promise,) = broken(result(Failover.HANG, with_agent=run))
        assert "Stuck calls return" in promise


def test_when_every_thread_hangs_the_background_loop_must_be_the_one_that_notices():
    stuck = with_agent(write("writer-1", 10.5, 12.5, Outcome.CLOSED))
    assert result(Failover.HANG, with_agent=stuck, every_thread_hung=hung()).kept
    other = hung(symptom="connection_lost")
    (promise,) = broken(result(Failover.HANG, with_agent=stuck, every_thread_hung=other))
    assert promise.startswith("With every thread hung: The background loop")


def test_the_json_has_what_others_read():
    document = json.loads(json.dumps(result(every_thread_hung=hung()).as_json()))
    assert (document["failover"], document["old_writer"], document["new_writer"]) == (
        "switchover",
        "lab-1",
        "lab-2",
    )
    for half in ("without", "with", "with_every_thread_hung"):
        assert {"writes", "failed_writes", "closed_writes", "sessions_on_old_writer"} <= set(
            document[half]
        )
    assert {"invalidated", "detection_seconds", "cleanup_seconds"} <= set(document["with"])
    assert document["without"]["seconds_to_no_stale_connection"] is None
    assert document["kept"] is True
    assert all(set(one) == {"promise", "kept", "measured"} for one in document["promises"])
    assert [set(one) for one in document["controls"]] == [{"control", "shown", "measured"}] * 2


def test_a_run_that_was_not_made_is_not_in_the_json():
    assert "with_every_thread_hung" not in result().as_json()


def test_the_versions_are_those_that_are_installed():
    assert installed_versions(["psycopg"])["psycopg"].startswith("3.")
