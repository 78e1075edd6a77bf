"""A flood on a throttled socket is a trickle, though no thread ends it."""

import socket
import sys
import threading
import time

import pytest

from aurora_otel.runtime import receiving, sockets, traffic
from aurora_otel.runtime.throttle import throttled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux's")

MOST = 24 * 1024
LITTLE = 1 << 20
# What fits into the buffers of both ends, and more.
PIECE = b"x" * (1 << 18)


@pytest.fixture
def ends(tcp):
    near, _ = tcp
    near.settimeout(10)
    yield tcp
    # The other end's thread is in the middle of sending.
    near.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def sock(ends):
    return sockets.identify(ends[0].fileno())


def flood(far):
    def send():
        try:
            while True:
                far.sendall(PIECE)
        except OSError:
            pass

    threading.Thread(target=send, daemon=True).start()


def received_within(near, seconds):
    until, count = time.monotonic() + seconds, 0
    while (left := until - time.monotonic()) > 0:
        near.settimeout(left)
        try:
            count += len(near.recv(1 << 16))
        except TimeoutError:
            break
    near.settimeout(10)
    return count


def test_a_flood_brings_little_until_the_block_ends(ends, sock):
    near, far = ends
    with throttled(sock, MOST):
        flood(far)
        assert MOST <= received_within(near, 0.5) <= LITTLE
    assert len(near.recv(1 << 16)) > 0
    assert received_within(near, 1.0) > LITTLE


def test_nothing_is_lost(ends, sock):
    near, far = ends
    sent = bytes(range(256)) * 1024
    sending = threading.Thread(target=far.sendall, args=(sent,))
    with throttled(sock, MOST):
        sending.start()
        found = near.recv(1 << 16)
    while len(found) < len(sent):
        found += near.recv(1 << 16)
    sending.join()
    assert found == sent


def test_a_packet_of_the_most_is_not_touched(ends, sock):
    near, far = ends
    with throttled(sock, MOST):
        far.sendall(b"y" * MOST)
        began = time.monotonic()
        assert near.recv(MOST, socket.MSG_WAITALL) == b"y" * MOST
        # What is cut off comes again after 0.2 s at the earliest.
        assert time.monotonic() - began < 0.15


def test_a_socket_that_was_stopped_meanwhile_stays_stopped(ends, sock):
    near, far = ends
    with throttled(sock, MOST):
        receiving.stop_receiving(near)
    far.sendall(b"late")
    assert near.recv(8) == b""
    assert not traffic.is_waiting(sock)
    # Once more is no error.
    receiving.stop_receiving(near)


def test_another_socket_of_the_same_number_is_left_alone(ends, sock):
    near, far = ends
    gone = sockets.SocketId(sock.fd, sock.inode + 1)
    with throttled(gone, MOST), throttled(None, MOST):
        flood(far)
        assert received_within(near, 0.5) > LITTLE


def test_what_was_not_read_is_waiting(ends, sock):
    near, far = ends
    assert not traffic.is_waiting(sock)
    far.sendall(b"x")
    near.recv(1, socket.MSG_PEEK)
    assert traffic.is_waiting(sock)
    near.recv(1)
    assert not traffic.is_waiting(sock)
    assert not traffic.is_waiting(None)
