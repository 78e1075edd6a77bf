"""A program that opens and closes, and leaks, many connections, with the agent or without it.

Both import the same, so that what differs in memory is what the agent keeps.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import sys
import time

import MySQLdb
import psutil

import aurora_otel
import aurora_otel.drivers.mysqlclient

PLACES = json.loads(os.environ["PROCESS_LOGIN"])
# What a process allocates once, whatever it does later, is no growth.
WARM_UP = 500


def work(closed, leaked):
    """Open and close so many connections, and leak so many in cycles."""
    for number in range(closed + leaked):
        connection = MySQLdb.connect(**PLACES[number % len(PLACES)])
        if number % (closed + leaked) < closed:
            connection.close()
        else:
            connection.itself = connection
        del connection
        # How many wait for the collector at a time is its own affair.
        if number % 100 == 0:
            gc.collect()
    gc.collect()


def tracked():
    return sum(cluster.connections for cluster in aurora_otel.snapshot().clusters)


def state(process):
    # What the allocator keeps for later is not in use.
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return {
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "tracked": tracked(),
        "resident": process.memory_info().rss,
    }


def settle():
    deadline = time.monotonic() + 30
    while tracked() and time.monotonic() < deadline:
        time.sleep(0.05)
    # A round of the background loop reports what it pruned.
    time.sleep(1.5)
    gc.collect()


def main(instrumented, closed, leaked):
    if instrumented:
        aurora_otel.AuroraInstrumentor().instrument()
    process = psutil.Process()
    work(WARM_UP, WARM_UP // 10)
    settle()
    before, began = state(process), time.monotonic()
    work(closed, leaked)
    seconds = time.monotonic() - began
    settle()
    failures = dict(aurora_otel.snapshot().internal_failures)
    report = {"before": before, "after": state(process), "seconds": seconds, "failures": failures}
    sys.stdout.write(json.dumps(report))


main(sys.argv[1] == "instrumented", int(sys.argv[2]), int(sys.argv[3]))
