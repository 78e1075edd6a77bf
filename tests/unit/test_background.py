import contextlib
import os
import signal
import socket
import threading
import time

from aurora_otel.runtime.background import Background
from tests.support.threads import BACKGROUND, threads
from tests.support.waiting import eventually


def test_one_thread_runs_however_many_ask_for_it():
    background = Background(lambda: 60.0)
    barrier = threading.Barrier(8)

    def ask():
        barrier.wait()
        for _ in range(50):
            background.ensure()

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(threads(BACKGROUND)) == 1
    background.stop().join()
    assert threads(BACKGROUND) == []


def test_it_does_what_is_due_again_and_again_and_when_it_is_woken():
    ticks = []

    def tick():
        ticks.append(time.monotonic())
        return 0.01 if len(ticks) < 3 else 60.0

    background = Background(tick)
    background.ensure()
    eventually(lambda: len(ticks) == 3)
    background.wake()
    eventually(lambda: len(ticks) == 4)
    background.stop().join()


def test_once_stopped_it_stays_so():
    background = Background(lambda: 60.0)
    background.ensure()
    background.stop().join()
    background.ensure()
    assert not background.is_running


def test_a_broken_pipe_in_it_ends_no_process():
    def tick():
        ours, server = socket.socketpair()
        server.close()
        with contextlib.suppress(BrokenPipeError):
            ours.send(b"?")
        ours.close()
        return 60.0

    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        background = Background(tick)
        background.ensure()
        time.sleep(0.05)
        background.stop().join()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
