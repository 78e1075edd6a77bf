"""A program that ends in one of many ways, with connections open and work of the agent under way.

Without `PROCESS_INSTRUMENT` it does the same without the agent.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time

import psycopg
import psycopg2

DSN = os.environ["PROCESS_DSN"]


def late():
    """What an application does at its own exit: it still has its connections."""
    held[0].execute("SELECT 1")
    psycopg.connect(DSN).close()


def refresh():
    """Have a refresh of the topology running, in a cluster that does not answer."""
    psycopg.connect(DSN, application_name="refreshing")
    write_in_vain(held[1])


def write_in_vain(connection):
    cursor = connection.cursor()
    with contextlib.suppress(psycopg.Error, psycopg2.Error):
        cursor.execute("SET default_transaction_read_only = on")
        cursor.execute("INSERT INTO writes (x) VALUES ('exit')")


def from_a_thread():
    thread = threading.Thread(target=refresh)
    thread.start()


def in_a_thread_that_goes_on():
    def write_on():
        while True:
            with contextlib.suppress(psycopg.Error):
                psycopg.connect(DSN, autocommit=True).execute("SELECT 1")

    threading.Thread(target=write_on, daemon=True).start()
    time.sleep(0.2)


def in_the_middle_of_a_refresh():
    """`sys.exit` out of a signal handler, while the call waits for a refresh.

    psycopg2 runs no handler before the server has answered; psycopg cancels the call, and logs it.
    """
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(3))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    write_in_vain(held[2])
    time.sleep(1)


def at_once():
    refresh()
    os._exit(4)


def with_an_error():
    sys.exit(5)


def at_exit():
    atexit.register(late)


WAYS = {
    each.__name__: each
    for each in (
        refresh,
        from_a_thread,
        in_a_thread_that_goes_on,
        in_the_middle_of_a_refresh,
        at_once,
        with_an_error,
        at_exit,
    )
}
# A module's global: still there, and open, when the interpreter takes everything apart.
held = [psycopg.connect(DSN, autocommit=True), psycopg.connect(DSN, autocommit=True)]
held.append(psycopg2.connect(DSN))
held[2].autocommit = True

if __name__ == "__main__":
    WAYS[sys.argv[1]]()
