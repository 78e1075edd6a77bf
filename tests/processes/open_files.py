"""A program that reaches its limit of open files while its connections are stale.

After a line on standard input it takes every descriptor that is left, writes on one of its
connections, and reports what it saw.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys

import psycopg

import aurora_otel

STALE = 20


def report(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def outcome(connection):
    try:
        connection.execute("INSERT INTO writes (x) VALUES ('open files')")
    except psycopg.Error as error:
        return error.sqlstate
    return "done"


def main():
    aurora_otel.AuroraInstrumentor().instrument()
    held = [psycopg.connect(os.environ["PROCESS_DSN"], autocommit=True) for _ in range(STALE)]
    report("ready")
    sys.stdin.readline()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    taken = []
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    first = outcome(held[0])
    tracked = [cluster.connections for cluster in aurora_otel.snapshot().clusters]
    report({"first": first, "tracked": tracked, "others": [outcome(each) for each in held[1:]]})


if __name__ == "__main__":
    main()
