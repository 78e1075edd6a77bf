"""A program under gevent: greenlets that write through a switchover, and one that keeps time.

Loads the agent before or after gevent patches what it patches; `opentelemetry-instrument` does so
before. Waits for standard input to go on; reports what it saw on standard output.
"""

from __future__ import annotations

import json
import os
import sys

import gevent.monkey

import aurora_otel

driver = sys.argv[1]
if sys.argv[2] == "before":
    aurora_otel.AuroraInstrumentor().instrument()
gevent.monkey.patch_all()
if sys.argv[2] == "after":
    aurora_otel.AuroraInstrumentor().instrument()

import importlib  # noqa: E402 - patched by now, as an application does it

import gevent  # noqa: E402 - as above
from gevent.fileobject import FileObject  # noqa: E402 - as above

from aurora_otel.instrumentor import running_agent  # noqa: E402 - as above

module = importlib.import_module(driver)
LOGIN = json.loads(os.environ["PROCESS_LOGIN"])
GREENLETS = 16


def connect():
    return module.connect(**LOGIN)


def write(connection):
    connection.cursor().execute("INSERT INTO writes (x) VALUES ('gevent')")
    connection.commit()


def report(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Metronome:
    """How often a greenlet came to its turn, and how often a thread outside gevent did."""

    def __init__(self):
        self.greenlet = self.thread = 0
        gevent.spawn(self._tick_as_greenlet)
        gevent.monkey.get_original("_thread", "start_new_thread")(self._tick_as_thread, ())

    def _tick_as_greenlet(self):
        while True:
            gevent.sleep(0.01)
            self.greenlet += 1

    def _tick_as_thread(self):
        sleep = gevent.monkey.get_original("time", "sleep")
        while True:
            sleep(0.01)
            self.thread += 1


def work(connection, refused):
    """Write until that works five times in a row; note the refused writes."""
    in_a_row = 0
    while in_a_row < 5:
        try:
            if connection is None:
                connection = connect()
            write(connection)
            in_a_row += 1
        except module.Error as error:
            if "read-only" in str(error):
                refused.append(connection)
            connection, in_a_row = None, 0
        gevent.sleep(0.01)
    connection.close()


def outcome(connection):
    """What comes of a write on an idle connection."""
    try:
        write(connection)
    except module.Error as error:
        return "refused" if "read-only" in str(error) else "lost"
    return "written"


def connections():
    return sum(cluster.connections for cluster in aurora_otel.snapshot().clusters)


def main():
    signals = FileObject(sys.stdin)
    writing = [job.get() for job in [gevent.spawn(connect) for _ in range(GREENLETS)]]
    idle = [connect() for _ in range(4)]
    metronome = Metronome()
    gevent.sleep(2)
    report(tracked=connections(), greenlet=metronome.greenlet, thread=metronome.thread)

    signals.readline()
    refused = []
    gevent.joinall([gevent.spawn(work, each, refused) for each in writing], raise_error=True)
    failovers = sum(cluster.failovers for cluster in aurora_otel.snapshot().clusters)
    report(refused=len(refused), idle=[outcome(each) for each in idle], failovers=failovers)

    # Only the background loop can see that a server hung up on these.
    del writing, refused
    idle = [connect() for _ in range(4)]
    report(tracked=connections())
    signals.readline()
    while connections():
        gevent.sleep(0.05)
    prunes = running_agent().observations()["aurora.connection.prunes"]
    report(
        hung_up=sum(n for key, n in prunes.items() if "hung_up" in key),
        failures=dict(aurora_otel.snapshot().internal_failures),
    )


main()
