"""A server that does not stop sending while the agent logs in is given up, not read."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

import pytest

from aurora_otel.drivers.common.deadline import MOST_LOGIN_BYTES, AnswerTooLongError
from aurora_otel.drivers.connects import Login
from aurora_otel.drivers.psycopg import Adapter as Psycopg
from aurora_otel.drivers.psycopg2 import Adapter as Psycopg2
from tests.support.waiting import eventually

# More than the sockets' buffers hold, and less than a broken limit could not cope with.
MOST_SENT = 256 * 1024 * 1024
LOGGED_IN = b"R" + struct.pack("!ii", 8, 0)


def _setting(value):
    body = b"name\0" + value + b"\0"
    return b"S" + struct.pack("!i", len(body) + 4) + body


PIECES = {
    "many settings": _setting(b"x" * 1000) * 64,
    "one notice": b"x" * 65536,
}
BEFORE = {"many settings": b"", "one notice": b"N" + struct.pack("!i", 1 << 30)}


@pytest.fixture
def server():
    """Return a server's port, and how many bytes it could send after it had logged a client in."""
    sent = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve(kind):
            sock, _ = listening.accept()
            with sock, contextlib.suppress(OSError):
                while struct.unpack("!ii", sock.recv(8, socket.MSG_WAITALL))[1] != 196608:
                    sock.sendall(b"N")
                sock.sendall(LOGGED_IN + BEFORE[kind])
                sent.append(0)
                while sent[0] < MOST_SENT:
                    sent[0] += sock.send(PIECES[kind])

        def start(kind):
            threading.Thread(target=serve, args=(kind,), daemon=True).start()
            return listening.getsockname()[1], sent

        yield start


@pytest.mark.parametrize("kind", PIECES)
@pytest.mark.parametrize("driver", [Psycopg(), Psycopg2()], ids=["psycopg", "psycopg2"])
def test_a_login_without_end_is_given_up(driver, server, kind):
    port, sent = server(kind)
    login = Login(f"host=127.0.0.1 port={port} user=app dbname=app sslmode=disable")
    with pytest.raises(AnswerTooLongError):
        driver.monitor(login, None, 60.0)
    # It counts what it has sent a moment later, and not the piece that was cut off.
    eventually(lambda: sent[0] > MOST_LOGIN_BYTES - len(PIECES[kind]))
    assert sent[0] < MOST_SENT
