"""What does it cost to do nothing?"""

from __future__ import annotations

import functools
import os
import resource
import select
import socket
import threading
import time

from benchmarks import null
from benchmarks.apart import at_once
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Figure, Lines, Spread

TITLE = "Idle"

COUNTS = (0, 1_000)
# Times the floor.
LIMIT = 10.0


def measure(bench: Bench) -> Answer:
    """Measure the processor time of a process that does nothing with so many connections."""
    seconds, interval = bench.pick(61, 12), bench.pick(30, 10)
    counts = COUNTS[-1:] if bench.quick else COUNTS
    floor, *ours = at_once(
        functools.partial(_bare_share, COUNTS[-1], seconds, interval),
        *(functools.partial(_share, count, seconds, interval) for count in counts),
    )
    name = f"1,000 idle connections for {seconds} s, pruned every {interval} s"
    shares = tuple(100 * each for each in ours)
    figures = (
        Figure(f"{name}: of the floor", Spread.of([ours[-1] / floor]), "times", LIMIT),
        Figure(name, Spread.of([shares[-1]]), "% of a core"),
        Figure("the floor", Spread.of([100 * floor]), "% of a core"),
    )
    plot = Lines("% of a core", "idle connections", counts, {"ours": shares})
    notes = (
        "The floor is a thread that wakes once a second, and at each pruning asks the kernel of"
        " each socket which one it is, and polls all of them."
    )
    return Answer(figures, plot, notes)


def _share(count: int, seconds: float, interval: float) -> float:
    _lift_limit()
    agent = null.start(prune_interval=interval)
    pairs = [socket.socketpair() for _ in range(count)]
    held = [null.track(agent, null.Connection("lab-1", ours)) for ours, _ in pairs]
    share = _used(seconds)
    # They had to live until now.
    del held, pairs
    return share


def _bare_share(count: int, seconds: float, interval: float) -> float:
    _lift_limit()
    pairs = [socket.socketpair() for _ in range(count)]
    woken = threading.Event()

    def work() -> None:
        next_poll = time.monotonic() + interval
        while not woken.wait(1.0):
            if time.monotonic() >= next_poll:
                next_poll += interval
                poll = select.poll()
                for ours, _ in pairs:
                    os.fstat(ours.fileno())
                    poll.register(ours, select.POLLHUP)
                poll.poll(0)

    threading.Thread(target=work, daemon=True).start()
    share = _used(seconds)
    woken.set()
    return share


def _lift_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _used(seconds: float) -> float:
    """Return the share of a processor that this process uses while nothing is done in it."""
    before = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - before) / seconds
