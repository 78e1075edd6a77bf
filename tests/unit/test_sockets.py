import os
import resource
import signal
import socket

import pytest

from aurora_otel.runtime.sockets import Shutdown, SocketId, hung_up, identify, shut_down
from tests.support.waiting import eventually
from tests.unit.local_sockets import descriptors, is_usable, reuse


def test_a_socket_is_identified_by_its_inode():
    first, other = socket.socketpair()
    with first, other:
        known = identify(first.fileno())
        assert known == SocketId(first.fileno(), os.fstat(first.fileno()).st_ino)
        assert known.inode != identify(other.fileno()).inode


@pytest.mark.parametrize("fd", [-1, -2, 999_999])
def test_what_is_no_descriptor_is_no_socket(fd):
    assert identify(fd) is None


@pytest.mark.parametrize("kind", ["pair", "tcp"])
def test_a_shut_down_socket_is_at_its_end_for_both_sides(kind, request):
    client, server = request.getfixturevalue(kind)
    assert shut_down(identify(client.fileno())) is Shutdown.DONE
    assert client.recv(1) == b""
    assert server.recv(1) == b""
    with pytest.raises(OSError, match="pipe"):
        client.send(b"?")
    # The descriptor itself stays its owner's.
    assert client.fileno() >= 0
    os.fstat(client.fileno())


def test_a_socket_may_be_shut_down_twice_and_after_the_other_side_was_faster(tcp):
    client, server = tcp
    server.close()
    known = identify(client.fileno())
    assert shut_down(known) is Shutdown.DONE
    assert shut_down(known) is Shutdown.DONE


def test_a_socket_that_its_owner_closed_is_gone():
    client, server = socket.socketpair()
    known = identify(client.fileno())
    client.close()
    with server:
        assert shut_down(known) is Shutdown.GONE


def test_a_socket_that_cannot_be_identified_fails():
    assert shut_down(None) is Shutdown.FAILED


def test_another_socket_under_the_same_number_is_left_alone(pair):
    client, _ = pair
    known = identify(client.fileno())
    stranger, friend = socket.socketpair()
    with stranger, friend:
        reuse(client.fileno(), stranger.fileno())
        assert shut_down(known) is Shutdown.GONE
        assert is_usable(stranger, friend)
        assert is_usable(client, friend)


def test_a_number_that_the_system_gave_to_the_next_connection_is_left_alone():
    for _ in range(50):
        client, server = socket.socketpair()
        known = identify(client.fileno())
        client.close()
        server.close()
        stranger, friend = socket.socketpair()
        with stranger, friend:
            assert known.fd in (stranger.fileno(), friend.fileno())
            assert shut_down(known) is Shutdown.GONE
            assert is_usable(stranger, friend)


def test_a_pipe_or_a_file_under_the_same_number_is_left_alone(pair, tmp_path):
    client, _ = pair
    known = identify(client.fileno())
    source, sink = os.pipe()
    reuse(client.fileno(), sink)
    assert shut_down(known) is Shutdown.GONE
    os.write(sink, b"?")
    assert os.read(source, 1) == b"?"
    with (tmp_path / "file").open("wb") as file:
        reuse(client.fileno(), file.fileno())
        assert shut_down(known) is Shutdown.GONE
        assert hung_up([("connection", known)]) == []
    os.close(source)
    os.close(sink)


def test_what_is_no_socket_cannot_be_shut_down(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        assert shut_down(identify(file.fileno())) is Shutdown.FAILED
        file.write(b"?")


def test_a_process_without_a_descriptor_to_spare_has_failed_and_closed_nothing(pair):
    client, server = pair
    known = identify(client.fileno())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        outcome = shut_down(known)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert outcome is Shutdown.FAILED
    assert is_usable(client, server)


def test_shutting_down_leaks_no_descriptor(pair):
    known = identify(pair[0].fileno())
    before = descriptors()
    for sock in (known, SocketId(known.fd, known.inode + 1), None):
        shut_down(sock)
    assert descriptors() == before


# Hang-ups.


@pytest.mark.parametrize("kind", ["pair", "tcp"])
@pytest.mark.parametrize("how", ["close", "half", "shutdown"])
def test_a_server_that_hung_up_is_seen(kind, how, request):
    client, server = request.getfixturevalue(kind)
    watched = [("connection", identify(client.fileno()))]
    assert hung_up(watched) == []
    if how == "close":
        server.close()
    else:
        server.shutdown(socket.SHUT_WR if how == "half" else socket.SHUT_RDWR)
    assert hung_up(watched) == ["connection"]


def test_a_server_that_speaks_has_not_hung_up(tcp):
    client, server = tcp
    server.send(b"a notice")
    assert hung_up([("connection", identify(client.fileno()))]) == []
    assert client.recv(8) == b"a notice"  # nothing was read away


def test_a_farewell_that_is_not_read_yet_is_a_hang_up(tcp):
    client, server = tcp
    server.send(b"shutting down")
    server.close()
    assert hung_up([("connection", identify(client.fileno()))]) == ["connection"]
    assert client.recv(13) == b"shutting down"


def test_each_is_distinguished_from_the_others():
    pairs = [socket.socketpair() for _ in range(100)]
    watched = [(number, identify(client.fileno())) for number, (client, _) in enumerate(pairs)]
    for number in (3, 50, 99):
        pairs[number][1].close()
    pairs[70][0].close()  # by its owner: that is no hang-up
    assert sorted(hung_up(watched)) == [3, 50, 99]
    for client, server in pairs:
        client.close()
        server.close()


def test_the_hang_up_of_another_socket_under_the_same_number_does_not_count(pair):
    client, _ = pair
    known = identify(client.fileno())
    stranger, friend = socket.socketpair()
    friend.close()
    with stranger:
        reuse(client.fileno(), stranger.fileno())
        assert hung_up([("connection", known)]) == []


def test_of_no_sockets_none_hung_up():
    assert hung_up([]) == []


# SIGPIPE.


@pytest.fixture(params=["default", "handler"])
def not_ignored(request):
    calls = []
    handler = signal.SIG_DFL if request.param == "default" else lambda *_: calls.append(1)
    before = signal.signal(signal.SIGPIPE, handler)
    yield calls
    signal.signal(signal.SIGPIPE, before)


def test_where_sigpipe_is_not_ignored_the_owner_can_send_and_receives_nothing(tcp, not_ignored):
    client, server = tcp
    assert shut_down(identify(client.fileno()), is_in_use=True) is Shutdown.DONE
    assert client.recv(1) == b""
    client.send(b"INSERT")
    assert server.recv(10) == b"INSERT"
    # A driver that goes on must not take this for the answer to what it sends next.
    server.send(b"read-only")
    client.send(b"ROLLBACK")
    assert server.recv(10) == b"ROLLBACK"
    assert client.recv(1) == b""
    server.close()
    for _ in range(3):
        client.send(b"INSERT")
        assert client.recv(1) == b""
    assert not_ignored == []


def test_where_sigpipe_is_not_ignored_an_answer_that_has_arrived_is_read(tcp, not_ignored):
    client, server = tcp
    server.send(b"read-only")
    eventually(lambda: client.recv(9, socket.MSG_PEEK) == b"read-only")
    assert shut_down(identify(client.fileno()), lambda: True, is_in_use=True) is Shutdown.DONE
    server.send(b"!")
    assert client.recv(9) == b"read-only"
    assert client.recv(1) == b"!"


def test_where_sigpipe_is_not_ignored_a_unix_socket_in_use_stays_as_it_is(pair, not_ignored):
    client, server = pair
    assert shut_down(identify(client.fileno()), is_in_use=True) is Shutdown.FAILED
    assert is_usable(client, server)
    # One that only the agent uses is shut down: a question on it must not wait for ever.
    assert shut_down(identify(client.fileno())) is Shutdown.DONE
    assert client.recv(1) == b""


def test_sigpipe_is_checked_when_a_socket_is_shut_down(tcp):
    client, server = tcp
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        shut_down(identify(client.fileno()), is_in_use=True)
        client.send(b"?")
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        shut_down(identify(client.fileno()), is_in_use=True)
        with pytest.raises(BrokenPipeError):
            client.send(b"?")
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert server.recv(1) == b"?"
