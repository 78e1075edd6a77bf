"""A process with no descriptor left."""

import contextlib
import os
import resource
import socket
import threading

import pytest

from aurora_otel.runtime.sockets import Shutdown, hung_up, identify, shut_down
from aurora_otel.runtime.spare import spare
from tests.unit.local_sockets import descriptors, is_usable, reuse


@pytest.fixture
def reserve():
    spare.hold()
    yield spare
    spare.release()


@contextlib.contextmanager
def no_descriptor_left():
    """Take every number that the process may still use: few more than it has used so far.

    Yields the list of those taken, which are closed in the end.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, descriptors())) + 64, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        yield taken
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


def connect():
    one, other = socket.socketpair()
    with one, other:
        return is_usable(one, other)


def test_a_connection_for_which_no_descriptor_is_left_has_those_of_the_reserve(reserve):
    with no_descriptor_left():
        with pytest.raises(OSError, match="Too many open files"):
            connect()
        assert reserve.with_room(connect)
        # Kept again where there is room again.
        reserve.hold()
        assert reserve.with_room(connect)


def test_a_connection_for_which_too_few_are_left_has_those_of_the_reserve(reserve):
    with no_descriptor_left() as taken:
        os.close(taken.pop())
        with pytest.raises(OSError, match="Too many open files"):
            connect()
        assert reserve.with_room(connect)


def test_a_connection_is_tried_once_and_takes_nothing_from_the_reserve_where_there_is_room(reserve):
    attempts = []

    def refuse():
        attempts.append(open_numbers())
        raise RuntimeError("password authentication failed")

    before = open_numbers()
    with pytest.raises(RuntimeError):
        reserve.with_room(refuse)
    assert attempts == [before]
