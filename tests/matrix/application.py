"""An application with two connections through a failover; knows nothing of the agent until then."""

import json
import os
import platform
import sys
from importlib.metadata import version

exec(os.environ.get("BEGIN", ""))

import psycopg  # noqa: E402

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

    found = {
        "writes": writes,
        "mode": snapshot().mode,
        "failures": dict(snapshot().internal_failures),
        "loaded": [name for name in sys.argv[2:] if name in sys.modules],
    }
    versions = {
        "CPython": platform.python_version(),
        **{name: version(name) for name in ("opentelemetry-api", "wrapt", "boto3", "psycopg")},
    }
    report(json.dumps({"found": found, "versions": versions}))


if __name__ == "__main__":
    main()
