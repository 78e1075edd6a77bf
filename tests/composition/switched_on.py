"""An application that switches the agent on in the ways of its first argument; one connection.

Each way is a call: `["loader"]`, what `opentelemetry-instrument` runs at a start;
`["instrument", {settings}]`; `["uninstrument"]`. Then it connects, reports that, waits for a line,
writes twice, and reports what came of it.
"""

import json
import sys

import psycopg
from opentelemetry.instrumentation.auto_instrumentation import initialize

import aurora_otel

CALLS = {
    "loader": initialize,
    "instrument": lambda settings: aurora_otel.AuroraInstrumentor().instrument(**settings),
    "uninstrument": aurora_otel.AuroraInstrumentor().uninstrument,
}


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
    for name, *arguments in json.loads(sys.argv[1]):
        CALLS[name](*arguments)
    connection = psycopg.connect(sys.argv[2], autocommit=True)
    report("connected")
    sys.stdin.readline()
    writes = [write(connection), write(connection)]
    report(json.dumps({"writes": writes, "snapshot": str(aurora_otel.snapshot())}))


if __name__ == "__main__":
    main()
