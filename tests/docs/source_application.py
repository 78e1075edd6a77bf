"""An application on a kind of cluster that the package does not know, through a switch.

python source_application.py DSN SETTINGS: libpq's connection string, and the arguments of
`instrument()` as JSON. Each line of its input makes it write once more.
"""

import json
import sys

import psycopg

import aurora_otel

dsn, settings = sys.argv[1], json.loads(sys.argv[2])


def write(connection):
    connection.execute("INSERT INTO writes (x) VALUES ('source')")


def refusal(connection):
    try:
        write(connection)
    except psycopg.Error as error:
        return error
    return None


def report(**others):
    found = aurora_otel.snapshot()
    sys.stdout.write(
        json.dumps(
            {
                "agent": aurora_otel.__file__,
                "failures": dict(found.internal_failures),
                "writers": [cluster.writer for cluster in found.clusters],
                "tracked": {
                    instance.id: sum(instance.connections.values())
                    for cluster in found.clusters
                    for instance in cluster.instances
                    if instance.connections
                },
                **others,
            }
        )
        + "\n"
    )
    sys.stdout.flush()


aurora_otel.AuroraInstrumentor().instrument(**settings)
held = [psycopg.connect(dsn, autocommit=True) for _ in range(3)]
write(held[0])
report()
sys.stdin.readline()
refused = [error.sqlstate for connection in held if (error := refusal(connection))]
new = psycopg.connect(dsn, autocommit=True)
write(new)
report(refused=refused)
aurora_otel.AuroraInstrumentor().uninstrument()
