import os
import select
import socket
import threading

import psycopg
import pytest

from aurora_otel.lab import Action
from tests.conftest import eventually


def _answer(connection, query=None):
    """Returns the answer to a query, or to the one that was sent before.

    libpq's own waiting keeps Python's global lock: the gateway's thread would never run.
    """
    if query is not None:
        connection.pgconn.send_query(query)
    connection.pgconn.flush()
    results = []
    while not results or results[-1] is not None:
        while connection.pgconn.is_busy():
            assert select.select([connection.fileno()], [], [], 10)[0], "no answer"
            connection.pgconn.consume_input()
        results.append(connection.pgconn.get_result())
    return results[0].get_value(0, 0)


def _silent(connection, seconds=0.3, query=b"SELECT 1"):
    """Sends a query and tells that no answer came; the connection is of no use afterwards."""
    connection.pgconn.send_query(query)
    connection.pgconn.flush()
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.settimeout(seconds)
        try:
            wire.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
    return False


def test_a_client_that_shuts_down_ends_its_session_at_once(cluster, connect):
    connection = connect("writer")
    assert cluster.sessions(cluster.writer) == 1
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
    eventually(lambda: cluster.sessions(cluster.writer) == 0)
    assert cluster.gateway.links("writer") == 0


def test_a_server_that_ends_a_session_ends_its_link(cluster, connect):
    connection = connect("writer")
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
    eventually(lambda: cluster.gateway.links(cluster.writer) == 0)
    with pytest.raises(psycopg.errors.AdminShutdown):  # the farewell came through
        connection.execute("SELECT 1")


def test_the_backend_id_passes_unchanged(cluster, connect):
    connection = connect("writer")
    (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert connection.info.backend_pid == pid


def test_a_cut_endpoint_resets_its_links_and_refuses_new_ones(cluster, connect):
    cut, other = connect("writer"), connect("reader")
    cluster.gateway.cut("writer")
    with pytest.raises(psycopg.OperationalError):
        cut.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        connect("writer")
    eventually(lambda: cluster.sessions(cluster.writer) == 0)
    other.execute("SELECT 1")
    cluster.gateway.restore()
    connect("writer").execute("SELECT 1")


def test_a_cut_instance_takes_only_the_links_that_landed_on_it(cluster, connect, instance):
    first, second = connect("reader"), connect("reader")
    cluster.gateway.cut(instance(first))
    with pytest.raises(psycopg.OperationalError):
        first.execute("SELECT 1")
    second.execute("SELECT 1")


def test_a_hung_endpoint_passes_nothing_and_goes_on_afterwards(cluster, connect):
    held, leaving = connect("writer"), connect("writer")
    cluster.gateway.hang("writer")
    assert _silent(held)
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        connect("writer", connect_timeout=2)
    leaving.close()
    assert cluster.sessions(cluster.writer) == 2  # nobody hears the farewell either
    cluster.gateway.restore()
    assert _answer(held) == b"1"
    eventually(lambda: cluster.sessions(cluster.writer) == 1)


def test_a_slow_endpoint_still_passes_everything(cluster, connect):
    connection = connect("writer")
    cluster.gateway.slow("writer", 0.2)
    assert _silent(connection, seconds=0.1)
    assert _answer(connection) == b"1"


def test_a_server_falls_silent_after_login(cluster, connect):
    before = connect("writer")
    cluster.gateway.silence_after_login("writer")
    connection = connect("writer", connect_timeout=5)
    assert connection.info.backend_pid
    assert _silent(connection)
    before.execute("SELECT 1")
    cluster.gateway.restore()
    connect("writer").execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_silence_comes_after_a_login_that_asked_for_encryption(cluster, connect):
    cluster.gateway.silence_after_login("writer")
    connection = connect("writer", sslmode="prefer")
    assert _silent(connection)


class Impostor:
    """Answers one question itself, drops another, and hangs at a third."""

    def from_client(self, data):
        if b"who are you" in data:
            row = b"D\0\0\0\x0e\0\x01\0\0\0\x04fake"
            head = b"T\0\0\0\x1a\0\x01a\0" + bytes(6) + b"\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
            head = head[:1] + (len(head) - 1).to_bytes(4, "big") + head[5:]
            return Action(reply=head + row + b"C\0\0\0\x0dSELECT 1\0" + b"Z\0\0\0\x05I")
        if b"swallow" in data:
            return Action()
        return Action(forward=data, hang=b"hang" in data)

    def from_server(self, data):
        return Action(forward=data)


def test_a_filter_answers_drops_passes_and_hangs(cluster, connect):
    cluster.gateway.filter("writer", Impostor)
    connection = connect("writer")
    assert connection.execute("SELECT 1").fetchone() == (1,)
    assert _answer(connection, b"who are you") == b"fake"
    assert connection.execute("SELECT 'passed'").fetchone() == ("passed",)
    assert _silent(connection, query=b"swallow")


def test_a_filter_hangs_a_link(cluster, connect):
    cluster.gateway.filter("writer", Impostor)
    connection = connect("writer")
    assert _silent(connection, query=b"SELECT 'hang'")


def test_fifty_megabytes_pass_both_ways(cluster, connect):
    size, line = 50 * 1024 * 1024, b"x" * 1023 + b"\n"
    connection = connect("writer")
    connection.execute("CREATE TEMP TABLE big (line text)")
    with connection.cursor().copy("COPY big FROM STDIN") as copy:
        for _ in range(size // (64 * len(line))):
            copy.write(line * 64)
    received = 0
    with connection.cursor().copy("COPY big TO STDOUT") as copy:
        for chunk in copy:
            received += len(chunk)
    assert received == size


def test_a_blocked_thread_of_the_process_holds_nothing_up(cluster, connect):
    release = threading.Event()
    blocked = threading.Thread(target=release.wait)
    blocked.start()
    try:
        connect("writer").execute("SELECT 1")
    finally:
        release.set()
        blocked.join()


def test_an_unknown_place_is_a_clear_error(cluster):
    with pytest.raises(ValueError, match="place must be one of writer, reader, custom, lab-1"):
        cluster.gateway.cut("nowhere")
    with pytest.raises(ValueError, match="seconds must not be negative; got -1"):
        cluster.gateway.slow("writer", -1)
