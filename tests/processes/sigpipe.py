"""A program that set SIGPIPE back to its default, as many for the command line do.

It opens two connections, and after a line on standard input writes on each: an error on the way is
reported, as is that of the rollback after it. It must live on.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import sys

import aurora_otel

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
aurora_otel.AuroraInstrumentor().instrument()
module = importlib.import_module(sys.argv[1])
login = json.loads(os.environ["PROCESS_LOGIN"])


def outcome(action):
    try:
        action()
    except Exception as error:  # noqa: BLE001 - a driver's, whichever it is
        return type(error).__name__
    return "done"


def report(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def write(connection):
    connection.cursor().execute("INSERT INTO writes (x) VALUES ('sigpipe')")
    connection.commit()


held = [module.connect(**login) for _ in range(2)]
report("ready")
sys.stdin.readline()
seen = []
for connection in (*held, *held):
    seen.append(outcome(functools.partial(write, connection)))
    outcome(connection.rollback)
report(json.dumps(seen))
