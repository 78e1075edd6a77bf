"""Profiles of what is done often: the agent's own time alone, and what it is there for."""

from __future__ import annotations

import socket

import pytest

from aurora_otel.drivers.marks import track_of
from aurora_otel.runtime import sockets
from benchmarks.profiling import profile


@pytest.fixture
def descriptor():
    with socket.socket() as sock:
        yield sock.fileno()


def test_time_counts_for_what_the_code_is_there_for(descriptor):
    found = profile(lambda: (sockets.identify(descriptor), track_of(object)), 700)
    assert {*found.purposes} == {
        "asking the kernel about the socket",
        "finding the track, and reading it",
    }
    assert sum(share.middle for share in found.purposes.values()) == pytest.approx(100, abs=1)
    assert {"runtime/sockets.py: identify", "drivers/marks.py: track_of"} <= {*found.functions}


def test_what_is_not_the_agents_does_not_count(descriptor):
    def work():
        sum(range(10_000))
        sockets.identify(descriptor)

    found = profile(work, 700)
    assert found.calls == 1
    assert found.purposes["asking the kernel about the socket"].middle == pytest.approx(100)
