"""Applications that switch the agent on in the ways of the first argument, a process for each.

A way has its variables and its calls: `["loader"]`, what `opentelemetry-instrument` runs at start;
`["instrument", {settings}]`; `["uninstrument"]`. Then it connects. When all have, that is reported;
after a line of input, each writes twice, and what came of it is reported. They are forked from one
process that has imported everything, and instrumented nothing.
"""

import contextlib
import json
import multiprocessing
import os
import sys
from importlib import metadata

import opentelemetry.configuration
import opentelemetry.distro  # noqa: F401 - once for all
import psycopg
from opentelemetry.instrumentation.auto_instrumentation import initialize

import aurora_otel

CALLS = {
    "loader": initialize,
    "instrument": lambda settings: aurora_otel.AuroraInstrumentor().instrument(**settings),
    "uninstrument": lambda: aurora_otel.AuroraInstrumentor().uninstrument(),
}


forks = multiprocessing.get_context("fork")


def live(way, dsn, pipe):
    os.environ.update(way["environ"])
    for name, *arguments in way["calls"]:
        CALLS[name](*arguments)
    connection = psycopg.connect(dsn, autocommit=True)
    pipe.send("connected")
    pipe.recv()
    writes = f"{write(connection)}, {write(connection)}"
    pipe.send({"writes": writes, "snapshot": str(aurora_otel.snapshot())})


def write(connection):
    try:
        connection.execute("INSERT INTO writes (x) VALUES ('x')")
    except psycopg.Error as error:
        return type(error).__name__
    return "written"


def report(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main():
    for instrumentor in metadata.entry_points(group="opentelemetry_instrumentor"):
        with contextlib.suppress(ImportError):
            instrumentor.load()
    ways, pipes = json.loads(sys.argv[1]), {}
    for name, way in ways.items():
        pipes[name], pipe = forks.Pipe()
        forks.Process(target=live, args=(way, sys.argv[2], pipe)).start()
        pipe.close()
    for pipe in pipes.values():
        pipe.recv()
    report("connected")
    sys.stdin.readline()
    for pipe in pipes.values():
        pipe.send("write")
    report(json.dumps({name: pipe.recv() for name, pipe in pipes.items()}))


if __name__ == "__main__":
    main()
