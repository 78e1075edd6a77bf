"""An application with two connections through a failover; knows nothing of the agent until then."""

import json
import sys

import psycopg

READY = "connected"


def connect():
    return psycopg.connect(sys.argv[1], autocommit=True)


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
    used, idle = connect(), connect()
    report(READY)
    sys.stdin.readline()
    writes = [write(used), write(idle), write(connect())]
    # Imported here: an application that only runs under the loader does not know it.
    from aurora_otel import snapshot  # noqa: PLC0415

    failures = dict(snapshot().internal_failures)
    report(json.dumps({"writes": writes, "mode": snapshot().mode, "failures": failures}))


if __name__ == "__main__":
    main()
