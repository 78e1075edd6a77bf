"""A signal handler works off the inbox and opens a connection, in a thread that works it off."""

from __future__ import annotations

import sys

from aurora_otel.model.endpoints import Address
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, is_balanced, new_cluster, new_track

TRACKING = "aurora_otel/tracking/"


class Handler:
    """Strikes once, at one of the moments at which Python runs signal handlers.

    That is when a call returns, and when a function or a round of a loop begins: what a loop goes
    by has been looked up by then.
    """

    def __init__(self, moment, action):
        self.has_struck = False
        self._left = moment
        self._action = action
        self._lines = {}
        self._begin_a_round = set()

    def during(self, action):
        before = sys.gettrace(), sys.getprofile()
        sys.settrace(self._trace)
        sys.setprofile(self._profile)
        try:
            action()
        finally:
            sys.settrace(before[0])
            sys.setprofile(before[1])

    def _profile(self, frame, event, _):
        if event in ("call", "return", "c_return"):
            self._pass(frame)

    def _trace(self, frame, event, _):
        if TRACKING not in frame.f_code.co_filename:
            return None
        if event == "line":
            if frame in self._begin_a_round:
                self._begin_a_round.discard(frame)
                self._pass(frame)
            if frame.f_lineno < self._lines.get(frame, 0):
                self._begin_a_round.add(frame)
            self._lines[frame] = frame.f_lineno
        return self._trace

    def _pass(self, frame):
        if self.has_struck or TRACKING not in frame.f_code.co_filename:
            return
        self._left -= 1
        if self._left < 0:
            self.has_struck = True
            self._action()


def interrupted(moment):
    """Work off three connections, one closed and one dropped; return whether a handler struck."""
    tracker, cluster = Tracker(), new_cluster()
    stays, is_closed, is_dropped = (Connection() for _ in range(3))
    tracks = [new_track(tracker, cluster, each) for each in (stays, is_closed, is_dropped)]
    tracks[1].closed = True
    del is_dropped
    for each in tracks:
        tracker.note(each)
    tracker.note_misroute(tracks[0].group)
    tracker.disown(Address("elsewhere", 5432))
    own = new_track(tracker, cluster, stays)

    def handle():
        tracker.drain()
        tracker.note(own)

    handler = Handler(moment, handle)
    handler.during(tracker.drain)
    tracker.drain()
    book = tracker.books[tracks[0].group]
    assert book.opens == len(tracks) + handler.has_struck
    assert (book.closes, sum(book.prunes.values()), book.misroutes) == (1, 1, 1)
    assert {each.track for each in tracker.take_ended()} == set(tracks[1:])
    assert is_balanced(tracker, cluster)
    return handler.has_struck


def test_each_connection_is_counted_once():
    moment = 0
    while interrupted(moment):
        moment += 1
    assert moment > len(("opened", "closed", "dropped"))
