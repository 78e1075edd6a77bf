import threading
import time

from aurora_otel.runtime.mailbox import Mailbox
from tests.support.waiting import eventually


def test_all_that_is_there_is_taken_in_its_order():
    box = Mailbox()
    box.put(1)
    box.put(2)
    assert box.take(60) == [1, 2]
    box.put(3)
    assert box.take(60) == [3]


def test_what_is_put_wakes_the_one_that_waits():
    box, taken = Mailbox(), []
    taker = threading.Thread(target=lambda: taken.extend(box.take(60)))
    taker.start()
    box.put("here")
    taker.join()
    assert taken == ["here"]


def test_a_time_that_is_over_before_the_wait_begins_is_over():
    # What hangs with a `SimpleQueue`, on CPython up to 3.12, in one of some thousand rounds.
    for _ in range(20_000):
        box = Mailbox()
        box.put(None)
        box.take(60)
        box.take(0.000_002)
    began = time.monotonic()
    assert box.take(0.05) == []
    assert time.monotonic() - began >= 0.05
    assert box.take(-1) == []


def test_of_what_many_put_nothing_is_lost():
    box, taken = Mailbox(), []

    def put(first):
        for number in range(first, first + 1_000):
            box.put(number)

    threads = [threading.Thread(target=put, args=(first,)) for first in range(0, 8_000, 1_000)]
    for thread in threads:
        thread.start()
    eventually(lambda: taken.extend(box.take(1)) or len(taken) == 8_000)
    assert sorted(taken) == list(range(8_000))
    for thread in threads:
        thread.join()
