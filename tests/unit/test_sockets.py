import contextlib
import os
import resource
import signal
import socket
import threading
from pathlib import Path

import pytest

from aurora_otel.runtime.sockets import Shutdown, SocketId, hung_up, identify, shut_down
from aurora_otel.runtime.spare import spare
from tests.support.waiting import eventually


@pytest.fixture
def pair():
    """The client's socket, and the server's."""
    client, server = socket.socketpair()
    with client, server:
        yield client, server


@pytest.fixture
def tcp():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        with client, server:
            yield client, server


def reuse(fd, by):
    """Have the descriptor number `fd` mean what `by` means, as after a close and an open."""
    os.dup2(by, fd)


def descriptors():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def is_usable(one, other):
    one.send(b"?")
    return other.recv(1) == b"?"


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


# A process with no descriptor left.


@pytest.fixture
def reserve():
    spare.hold()
    yield spare
    spare.release()


@contextlib.contextmanager
def no_descriptor_left():
    """Take every number that the process may still use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        yield
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("kind", ["pair", "tcp"])
def test_without_a_descriptor_left_the_reserve_is_used_again_and_again(kind, request, reserve):
    client, server = request.getfixturevalue(kind)
    others = [socket.socketpair() for _ in range(3)]
    before = descriptors()
    with no_descriptor_left():
        outcomes = [
            shut_down(identify(each.fileno())) for each in (client, *(one for one, _ in others))
        ]
    assert outcomes == [Shutdown.DONE] * 4
    assert server.recv(1) == b""
    for one, other in others:
        assert other.recv(1) == b""
        one.close()
        # The agent holds no descriptor that keeps it open.
        assert hung_up([("connection", identify(other.fileno()))]) == ["connection"]
        other.close()
    assert len(descriptors()) == len(before) - 6


def test_without_a_descriptor_left_another_socket_under_the_number_is_left_alone(pair, reserve):
    client, _ = pair
    known = identify(client.fileno())
    stranger, friend = socket.socketpair()
    with stranger, friend:
        reuse(client.fileno(), stranger.fileno())
        with no_descriptor_left():
            assert shut_down(known) is Shutdown.GONE
        assert is_usable(stranger, friend)
        stranger.close()
        client.close()
        assert friend.recv(1) == b""


def test_a_reserve_whose_numbers_the_application_took_is_left_to_it(pair):
    client, server = pair
    before = open_numbers()
    spare.hold()
    numbers = open_numbers() - before
    strangers = [socket.socketpair() for _ in numbers]
    for number, (stranger, _) in zip(numbers, strangers, strict=True):
        reuse(number, stranger.fileno())
    with no_descriptor_left():
        assert shut_down(identify(client.fileno())) is Shutdown.FAILED
    assert is_usable(client, server)
    spare.hold()
    with no_descriptor_left():
        assert shut_down(identify(client.fileno())) is Shutdown.DONE
    spare.release()
    for number, (stranger, friend) in zip(numbers, strangers, strict=True):
        assert os.fstat(number).st_ino == os.fstat(stranger.fileno()).st_ino
        assert is_usable(stranger, friend)
        os.close(number)
        stranger.close()
        friend.close()


def open_numbers():
    return {int(name) for name in descriptors() if identify(int(name))}


def test_a_reserve_that_another_thread_is_using_is_waited_for(pair, reserve):
    taken = reserve.take()
    outcomes = []
    with no_descriptor_left():
        sock = identify(pair[0].fileno())
        thread = threading.Thread(target=lambda: outcomes.append(shut_down(sock)))
        thread.start()
        reserve.give_back(taken)
        thread.join()
    assert outcomes == [Shutdown.DONE]


def test_a_reserve_that_was_given_up_while_in_use_is_closed_after_it():
    before = descriptors()
    spare.hold()
    taken = spare.take()
    spare.release()
    assert len(descriptors()) > len(before)
    spare.give_back(taken)
    assert len(descriptors()) == len(before)
    assert spare.take() is None


def test_a_forked_child_has_its_own_reserve_though_it_was_in_use(pair, reserve):
    taken = reserve.take()
    taken.stand_for(pair[0].fileno())
    pid = os.fork()
    if not pid:
        status = 1
        with contextlib.suppress(Exception):
            spare.hold()
            with no_descriptor_left():
                status = shut_down(identify(pair[0].fileno())) is not Shutdown.DONE
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    reserve.give_back(taken)


def test_a_connection_for_which_no_descriptor_is_left_has_those_of_the_reserve(reserve):
    def connect():
        one, other = socket.socketpair()
        with one, other:
            return is_usable(one, other)

    def connect_as_a_driver():
        try:
            return connect()
        except OSError as error:
            raise RuntimeError from error

    with no_descriptor_left():
        with pytest.raises(OSError, match="Too many open files"):
            connect()
        assert reserve.with_room(connect_as_a_driver)
        # Kept again where there is room again.
        reserve.hold()
        assert reserve.with_room(connect)


def test_a_connection_that_fails_for_another_reason_is_tried_once(reserve):
    attempts = []

    def connect():
        attempts.append(1)
        raise RuntimeError("password authentication failed")

    with pytest.raises(RuntimeError):
        reserve.with_room(connect)
    assert attempts == [1]


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
