"""What does it cost to do nothing?"""

from __future__ import annotations

import resource
import socket
import time

from benchmarks import null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Figure, Lines, Spread

TITLE = "Idle"

COUNTS = (0, 1_000)


def measure(bench: Bench) -> Answer:
    """Measure the processor time of a process that does nothing with so many connections."""
    seconds, interval = bench.pick(61, 12), bench.pick(30, 10)
    counts = COUNTS[-1:] if bench.quick else COUNTS
    shares = {count: apart(_share, count, seconds, interval) * 100 for count in counts}
    name = f"1,000 idle connections for {seconds} s, pruned every {interval} s"
    figures = (Figure(name, Spread.of([shares[COUNTS[-1]]]), "% of a core", 0.1),)
    plot = Lines("% of a core", "idle connections", counts, {"ours": tuple(shares.values())})
    return Answer(figures, plot)


def _share(count: int, seconds: float, interval: float) -> float:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    agent = null.start(prune_interval=interval)
    pairs = [socket.socketpair() for _ in range(count)]
    held = [null.track(agent, null.Connection("lab-1", ours)) for ours, _ in pairs]
    before = time.process_time()
    time.sleep(seconds)
    share = (time.process_time() - before) / seconds
    # They had to live until now.
    del held, pairs
    return share
