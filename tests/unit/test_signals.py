import os
import signal
import socket
import threading

import pytest

from aurora_otel.runtime.signals import block_sigpipe, without_sigpipe


def send_to_a_closed_socket():
    one, other = socket.socketpair()
    other.close()
    with pytest.raises(BrokenPipeError):
        one.send(b"?")
    one.close()


def ended(program):
    """Return how a child ends that runs `program` with SIGPIPE at its default."""
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        program()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def in_a_thread(*actions):
    thread = threading.Thread(target=lambda: [action() for action in actions])
    thread.start()
    thread.join()


def test_what_the_application_blocks_and_awaits_itself_is_left_for_it():
    def program():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
        without_sigpipe(send_to_a_closed_socket)
        os._exit(int(signal.SIGPIPE in signal.sigpending()))

    assert ended(program) == 1


def test_a_send_of_a_thread_that_blocks_sigpipe_ends_no_process():
    assert ended(lambda: in_a_thread(send_to_a_closed_socket)) == -signal.SIGPIPE
    assert ended(lambda: in_a_thread(block_sigpipe, send_to_a_closed_socket)) == 0


def test_a_thread_that_it_starts_blocks_it_too():
    assert (
        ended(lambda: in_a_thread(block_sigpipe, lambda: in_a_thread(send_to_a_closed_socket))) == 0
    )


def test_a_send_within_ends_no_process_and_one_afterwards_does_as_before():
    assert ended(lambda: without_sigpipe(send_to_a_closed_socket)) == 0
    both = lambda: (without_sigpipe(send_to_a_closed_socket), send_to_a_closed_socket())  # noqa: E731 - a program
    assert ended(both) == -signal.SIGPIPE


def test_a_thread_that_blocked_it_before_blocks_it_afterwards():
    assert (
        ended(
            lambda: in_a_thread(
                block_sigpipe,
                lambda: without_sigpipe(send_to_a_closed_socket),
                send_to_a_closed_socket,
            )
        )
        == 0
    )
