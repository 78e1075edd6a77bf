"""The same targets on slower machines: they are slower, and what is judged is the target."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from benchmarks import report, slower
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.halving import halve

# A busy process with a busy one below it, in a session of its own, as servers' are.
BUSY = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
while True: pass
"""
SECONDS = 1.5


def used(process):
    times = process.cpu_times()
    return times.user + times.system


@pytest.fixture
def busy():
    with subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True) as started:
        leader = psutil.Process(started.pid)
        while not leader.children():
            time.sleep(0.01)
        (below,) = leader.children()
        yield leader, below
        below.kill()
        started.kill()


def test_a_process_and_those_below_it_are_stopped_for_half_of_the_time(busy):
    leader, below = busy
    # Of the processors that there are, these two have one at most.
    one = {max(os.sched_getaffinity(0))}
    leader.cpu_affinity([*one])
    below.cpu_affinity([*one])
    threading.Thread(target=halve, args=(leader,), daemon=True).start()
    time.sleep(SECONDS / 2)
    before, began = sum(map(used, busy)), time.monotonic()
    time.sleep(SECONDS)
    share = (sum(map(used, busy)) - before) / (time.monotonic() - began)
    assert 0.25 < share < 0.75


def test_nothing_stays_stopped_in_the_end(busy):
    leader, below = busy
    stopping = threading.Thread(target=halve, args=(leader,))
    stopping.start()
    time.sleep(SECONDS / 5)
    leader.send_signal(signal.SIGKILL)
    stopping.join(10)
    assert not stopping.is_alive()
    assert below.status() != psutil.STATUS_STOPPED


def test_what_is_over_runs_at_full_speed(busy):
    leader, below = busy
    is_over = threading.Event()
    stopping = threading.Thread(target=halve, args=(leader, is_over.is_set))
    stopping.start()
    time.sleep(SECONDS / 5)
    is_over.set()
    stopping.join(10)
    assert not stopping.is_alive()
    assert psutil.STATUS_STOPPED not in {leader.status(), below.status()}


def figures(*values, limit=2.0, unit="times", name="it"):
    ways = zip(slower.WAYS, values, strict=True)
    return {way: {name: Figure(name, Spread(v, v, v), unit, limit)} for way, v in ways}


def test_a_ratio_is_shown_in_each_way_and_judged_by_the_target_itself():
    met = slower.by_name(figures(1.0, 1.5, 2.0))
    assert slower.markdown(met).splitlines()[-1] == (
        "| it | ≤ 2 times | 1 times | 1.5 times | 2 times | met |"
    )
    missed = slower.by_name(figures(1.0, 1.5, 2.1))
    assert slower.markdown(missed).splitlines()[-1].endswith("| MISSED |")


@pytest.mark.parametrize(
    ("name", "values", "verdict"),
    [
        ("connect: it", (1.0, 1.5, 2.5), "met"),
        ("connect: it", (1.0, 1.5, 2.7), "MISSED"),
        ("connect: it", (1.0, 2.1, 1.0), "MISSED"),
        ("checkout: it", (1.0, 1.5, 2.5), "MISSED"),
    ],
)
def test_a_connect_may_take_more_at_half_the_speed_by_what_colder_caches_cost(
    name, values, verdict
):
    startup = "startup: import aurora_otel and instrument()"
    measured = figures(*values, name=name)
    for way, each in figures(40.0, 40.0, 52.0, limit=None, unit="ms", name=startup).items():
        measured[way] |= each
    row = slower.markdown(slower.by_name(measured)).splitlines()[2]
    assert row.endswith(f"| {verdict} |")


def test_what_no_ratio_bounds_is_left_out():
    assert slower.by_name(figures(1.0, 1.5, 2.0, unit="µs")) == {}
    assert slower.by_name(figures(1.0, 1.5, 2.0, limit=None)) == {}


def test_a_whole_run_keeps_what_was_measured_on_slower_machines(tmp_path, monkeypatch):
    monkeypatch.setattr(report.plots, "draw", lambda *_: None)
    answer = Answer((Figure("it", Spread(1, 1, 1), "", 1.0),), Bars("", {}))
    report.write({"it": ("It", answer)}, tmp_path)
    report.write_slower("some table\n", tmp_path)
    report.write({"it": ("Again", answer)}, tmp_path)
    text = (tmp_path / "performance.md").read_text("utf-8")
    assert "## Again" in text
    assert "## It" not in text
    assert text.endswith("## On slower machines\n\nsome table\n")
    report.write_slower("another\n", tmp_path)
    assert "some table" not in (tmp_path / "performance.md").read_text("utf-8")
