"""Reports are emitted in their order, on a thread that holds up nothing else."""

import os
import threading

import pytest

from aurora_otel.runtime.reporter import MOST, Reporter
from aurora_otel.runtime.shield import Shield
from tests.support.threads import REPORTER, threads
from tests.support.waiting import eventually


@pytest.fixture
def shield():
    return Shield(lambda *_: None)


@pytest.fixture
def reporter(shield):
    reporter = Reporter(shield)
    yield reporter
    reporter.stop()


class Held:
    """Holds the reporter's thread until the test lets it go on."""

    def __init__(self, reporter):
        self.gate = threading.Event()
        entered = threading.Event()

        def hold():
            entered.set()
            self.gate.wait(30)

        reporter.put(hold, is_essential=True)
        assert entered.wait(30)


def test_reports_are_emitted_in_the_order_in_which_they_came(reporter):
    emitted = []
    held = Held(reporter)
    for number in range(20):
        reporter.put(lambda number=number: emitted.append(number), is_essential=number % 3 == 0)
    held.gate.set()
    assert reporter.flush(30)
    assert emitted == list(range(20))


def test_one_that_fails_is_counted_and_the_next_is_emitted(reporter, shield):
    emitted = []
    reporter.put(lambda: 1 / 0, is_essential=True)
    reporter.put(lambda: emitted.append(1), is_essential=True)
    assert reporter.flush(30)
    assert emitted == [1]
    assert shield.failures == {"report: ZeroDivisionError": 1}


@pytest.mark.parametrize("is_essential", [True, False])
def test_where_too_many_wait_the_oldest_of_the_same_importance_is_dropped(
    reporter, shield, is_essential
):
    emitted = []
    held = Held(reporter)
    reporter.put(lambda: emitted.append("other"), is_essential=not is_essential)
    for number in range(MOST + 3):
        reporter.put(lambda number=number: emitted.append(number), is_essential=is_essential)
    held.gate.set()
    assert reporter.flush(30)
    assert emitted == ["other", *range(3, MOST + 3)]
    assert shield.failures == {"report: Full": 3}


def test_a_report_that_blocks_bounds_a_flush(reporter):
    held = Held(reporter)
    assert not reporter.flush(0.01)
    held.gate.set()
    assert reporter.flush(30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_its_thread_comes_back_if_it_died(reporter):
    emitted = []

    def die():
        raise SystemExit

    reporter.put(die, is_essential=True)
    eventually(lambda: not threads(REPORTER))
    reporter.put(lambda: emitted.append(1), is_essential=True)
    assert reporter.flush(30)
    assert emitted == [1]


def test_once_stopped_it_has_emitted_everything_and_takes_no_more(shield):
    emitted = []
    reporter = Reporter(shield)
    for number in range(10):
        reporter.put(lambda number=number: emitted.append(number), is_essential=False)
    reporter.stop()
    assert emitted == list(range(10))
    assert not threads(REPORTER)
    reporter.put(lambda: emitted.append("late"), is_essential=False)
    assert reporter.flush(0)
    assert emitted == list(range(10))


def test_a_log_handler_may_stop_it(shield):
    reporter = Reporter(shield)
    stopped = threading.Event()

    def stop():
        reporter.stop()
        stopped.set()

    reporter.put(stop, is_essential=True)
    assert stopped.wait(30)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_waits_for_nothing_that_its_parent_reported(reporter):
    held = Held(reporter)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if reporter.flush(30) else 1)
    _, status = os.waitpid(pid, 0)
    held.gate.set()
    assert os.waitstatus_to_exitcode(status) == 0
