"""One open connection, as the agent knows it."""

from __future__ import annotations

import wrapt

from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, new_cluster, opened


def test_showing_the_track_of_a_proxy_leaves_no_exception_behind():
    class Proxy(wrapt.ObjectProxy):
        """What another instrumentation may put around a connection."""

    connection, tracker = Proxy(Connection()), Tracker()
    track = opened(tracker, new_cluster(), connection)
    assert [show(track) for show in (repr, str)] == ["<Track of psycopg on a: open>"] * 2
