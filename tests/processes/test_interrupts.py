"""A signal handler raises anywhere within our code: nothing is lost, and nothing stays taken.

The signals come wherever Python allows them: as a function of the agent's begins, and as a call
of its own into C returns.
"""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path

import psycopg
import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

import aurora_otel
from tests.support.sql import READ_ONLY, refused_write, run, sqlstate
from tests.support.waiting import eventually

OURS = str(Path(aurora_otel.__file__).parent)
WHERE = ("call", "c_return")


class LimitError(Exception):
    """As Celery's soft time limit: not ours, and not to be kept from the application."""


class Signal:
    """A signal at the `number`th place in our code where this thread can get one."""

    def __init__(self, number):
        self._left = number
        self.came = False

    def __enter__(self):
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def _profile(self, frame, event, _):
        if event in WHERE and frame.f_code.co_filename.startswith(OURS):
            # There, before 3.11, what a profiler raises ends a generator that goes on without its
            # `finally`. A signal does not.
            if sys.version_info < (3, 11) and event == "call" and frame.f_lasti >= 0:
                return
            if self._left == 0:
                sys.setprofile(None)
                self.came = True
                signal.raise_signal(signal.SIGALRM)
            self._left -= 1


@pytest.fixture(params=[KeyboardInterrupt, LimitError])
def error(request):
    """What the application's handler raises."""

    def handle(*_):
        raise request.param

    before = signal.signal(signal.SIGALRM, handle)
    yield request.param
    signal.signal(signal.SIGALRM, before)


def everywhere(action, error):
    """Do `action` again and again, with a signal at each place; return how many places there are.

    Each signal's exception reaches the caller, and leaves the thread as it was.
    """
    number = 0
    while True:
        raised = None
        with Signal(number) as sent:
            try:
                action()
            except error as interrupted:
                raised = type(interrupted)
        assert is_instrumentation_enabled()
        if not sent.came:
            return number
        assert raised is error, number
        number += 1


def books(agent):
    """Opens, and what they have to add up to."""
    tracker = agent.internals.tracker
    with tracker.settled():
        opens = ends = 0
        for book in tracker.books.values():
            opens += book.opens
            ends += book.closes + sum(book.prunes.values())
            ends += sum(n for (_, out), n in book.invalidations.items() if out.value == "closed")
        ends += sum(
            len(each) for one in agent.internals.clusters for each in tracker.open(one).values()
        )
    return opens, ends


def is_at_work(agent, cluster, connect):
    """Whether it tracks, refreshes and prunes as ever."""
    connection = connect(cluster.dsn("writer"))
    assert agent.tracked() == 1
    refreshes = len(agent.exported.spans("refresh topology"))
    run(connection, "SET TRANSACTION READ ONLY")
    assert sqlstate(refused_write(connection)) == READ_ONLY
    eventually(lambda: len(agent.exported.spans("refresh topology")) > refreshes)
    del connection
    gc.collect()
    eventually(lambda: agent.tracked() == 0)
    return True


def test_a_signal_while_a_connection_is_opened_and_closed(agent, cluster, connect, error):
    def use():
        connect(cluster.dsn("writer")).close()

    assert everywhere(use, error) > 50
    gc.collect()
    eventually(lambda: agent.tracked() == 0)
    opens, ends = books(agent)
    assert opens == ends > 0
    eventually(lambda: sum(map(cluster.sessions, cluster.instances)) == 0)
    assert is_at_work(agent, cluster, connect)


def test_a_signal_while_a_symptom_is_responded_to(start, cluster, error):
    agent = start(refresh_interval=0.05)
    connection = psycopg.connect(cluster.dsn("writer"), autocommit=True)
    run(connection, "SET default_transaction_read_only = on")

    def fail():
        try:
            run(connection, "INSERT INTO writes (x) VALUES ('signal')")
        except psycopg.errors.ReadOnlySqlTransaction:
            return
        raise AssertionError

    assert everywhere(fail, error) > 20
    # In the window, healthy calls refresh first.
    assert everywhere(lambda: run(connection, "SELECT 1"), error) >= 0
    assert agent.tracked() == 1
    connection.close()
    opens, ends = books(agent)
    assert opens == ends == 1
    assert is_at_work(agent, cluster, psycopg.connect)


def test_a_signal_while_metrics_are_read(agent, cluster, connect, error):
    held = [connect(cluster.dsn("writer")) for _ in range(3)]

    def read():
        connection = connect(cluster.dsn("writer"))
        connection.close()
        aurora_otel.snapshot()

    assert everywhere(read, error) > 50
    gc.collect()
    eventually(lambda: agent.tracked() == len(held))
    opens, ends = books(agent)
    assert opens == ends
    for each in held:
        each.close()
