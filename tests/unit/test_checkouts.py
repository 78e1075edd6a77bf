"""When a pooled connection is handed out without a further question."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.hooks.checkouts import Checkouts
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import State
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, new_cluster, opened

CHECKOUTS = Checkouts(SimpleNamespace(), SimpleNamespace())


@pytest.fixture
def link():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def pooled(link):
    connection = Connection()
    track = opened(Tracker(), new_cluster(), connection)
    track.socket = sockets.identify(link[0].fileno())
    setattr(connection, ATTRIBUTE, track)
    return connection, track


def test_a_healthy_connection_needs_no_steps(pooled):
    connection, track = pooled
    assert CHECKOUTS.is_plainly_usable(connection)
    # Its opening may not have been counted yet.
    track.state = State.NEW
    assert CHECKOUTS.is_plainly_usable(connection)


def set_on(**values):
    def change(track, _):
        for name, value in values.items():
            setattr(track.cluster if name in ("is_ours", "alert") else track, name, value)

    return change


DOUBTS = {
    "claimed": set_on(state=State.CLAIMED),
    "invalidated": set_on(state=State.INVALIDATED),
    "pruned": set_on(state=State.PRUNED),
    "of an unknown instance": set_on(instance=None),
    "seen to have hung up": set_on(hung_up=True),
    "to be asked again": set_on(doubted=True),
    "stale, but not shut down": set_on(shutdown_failed=True),
    "of a parent process": set_on(is_ours=False),
    "of a cluster in doubt": set_on(alert=True),
    "without a known socket": set_on(socket=None),
    "hung up": lambda _, server: server.close(),
}


@pytest.mark.parametrize("change", DOUBTS.values(), ids=DOUBTS)
def test_one_in_doubt_does(pooled, link, change):
    connection, track = pooled
    change(track, link[1])
    assert not CHECKOUTS.is_plainly_usable(connection)


def test_so_does_one_that_is_not_known():
    assert not CHECKOUTS.is_plainly_usable(Connection())
