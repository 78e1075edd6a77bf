import socket
import threading

import pytest

from aurora_otel.model.groups import Outcome
from aurora_otel.runtime.sockets import identify
from aurora_otel.tracking.invalidation import invalidate
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, new_cluster, new_track

NOW = 1000.0


def standstill():
    return NOW


class Wire:
    """A connection with a call in flight, and its server."""

    def __init__(self, *, since=NOW):
        self.ours, self.server = socket.socketpair()
        self.connection = Connection()
        self.track = new_track(Tracker(), new_cluster(), self.connection)
        self.track.socket = identify(self.ours.fileno())
        self.track.in_flight_since = since
        self.ours.send(b"UPDATE")

    def refuse(self):
        """Refuse, as a slow server does: after the client's end of the stream."""
        while self.server.recv(100):
            pass
        self.server.send(b"read-only")

    def call(self, answers):
        answers.append(self.ours.recv(100))
        self.track.in_flight_since = 0.0


@pytest.fixture
def wire():
    made = []

    def wire(**facts):
        made.append(Wire(**facts))
        return made[-1]

    yield wire
    for each in made:
        each.ours.close()
        each.server.close()


def started(action, *args):
    thread = threading.Thread(target=action, args=args, daemon=True)
    thread.start()
    return thread


def test_a_call_in_flight_has_the_servers_own_answer_though_nothing_more_can_be_sent(wire):
    busy, answers = wire(), []
    threads = [started(busy.refuse), started(busy.call, answers)]
    assert invalidate([busy.track], standstill, may_answer=True) == [Outcome.CLOSED]
    for thread in threads:
        thread.join(10)
    assert answers == [b"read-only"]
    assert busy.ours.recv(1) == b""
    with pytest.raises(BrokenPipeError):
        busy.ours.send(b"UPDATE")


def test_a_call_on_a_dead_host_is_woken_after_a_moment(wire):
    hung, answers = wire(), []
    call = started(hung.call, answers)
    times = iter([NOW, *[NOW + 0.01] * 3, NOW + 1])
    assert invalidate([hung.track], lambda: next(times), may_answer=True) == [Outcome.CLOSED]
    call.join(10)
    assert answers == [b""]
    assert list(times) == []


def test_a_call_that_has_waited_for_long_is_woken_at_once(wire):
    stuck, answers = wire(since=NOW - 10), []
    call = started(stuck.call, answers)
    # Time stands still: nothing is waited for.
    assert invalidate([stuck.track], standstill, may_answer=True) == [Outcome.CLOSED]
    call.join(10)
    assert answers == [b""]


def test_no_answer_of_a_silent_server_is_waited_for(wire):
    hung, answers = wire(since=NOW - 0.1), []
    call = started(hung.call, answers)
    assert invalidate([hung.track], standstill, may_answer=False) == [Outcome.CLOSED]
    call.join(10)
    assert answers == [b""]


def test_an_idle_connection_is_at_its_end_at_once_and_a_closed_one_is_gone(wire):
    idle, closed = wire(since=0.0), wire()
    closed.ours.close()
    assert invalidate([idle.track, closed.track], standstill, may_answer=True) == [
        Outcome.CLOSED,
        None,
    ]
    assert idle.ours.recv(1) == b""
