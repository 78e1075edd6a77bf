"""What a paused socket receives."""

import socket
import sys

import pytest

from aurora_otel.runtime.receiving import paused

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux's")


@pytest.fixture
def ends(tcp):
    near, _ = tcp
    near.settimeout(10)
    return tcp


def test_a_paused_socket_receives_nothing_and_loses_nothing(ends):
    near, far = ends
    with paused(near.fileno()):
        far.sendall(b"later")
        near.settimeout(0)
        with pytest.raises(BlockingIOError):
            near.recv(8)
        near.settimeout(10)
    assert near.recv(8) == b"later"


def test_a_paused_socket_reads_what_is_there_and_sends(ends):
    near, far = ends
    far.sendall(b"before")
    near.recv(8, socket.MSG_PEEK)
    with paused(near.fileno()):
        near.sendall(b"meanwhile")
        assert near.recv(8) == b"before"
        assert far.recv(16) == b"meanwhile"


def test_a_pause_ends_with_its_block_whatever_is_raised(ends):
    near, far = ends
    with pytest.raises(KeyError), paused(near.fileno()):
        raise KeyError
    far.sendall(b"x")
    assert near.recv(8) == b"x"
