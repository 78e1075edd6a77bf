"""An application that uses PyGreSQL through a failover. Its parent says when that has happened.

python pgdb_application.py LOGIN SETTINGS [STATEMENTS]: the arguments of `connect` and of
`instrument()` as JSON, and what it runs before anything else.
"""

import json
import sys

import pgdb

import aurora_otel

login, settings = map(json.loads, sys.argv[1:3])


def connect():
    return pgdb.connect(**login)


def write(connection):
    connection.cursor().execute("INSERT INTO writes (x) VALUES ('pgdb')")
    connection.commit()


def report(**others):
    found = aurora_otel.snapshot()
    traits = {
        "agent": aurora_otel.__file__,
        "failures": dict(found.internal_failures),
        "failovers": sum(cluster.failovers for cluster in found.clusters),
        "tracked": {
            instance.id: dict(instance.connections)
            for cluster in found.clusters
            for instance in cluster.instances
            if instance.connections
        },
        **others,
    }
    sys.stdout.write(json.dumps(traits) + "\n")
    sys.stdout.flush()


exec("".join(sys.argv[3:]))
aurora_otel.AuroraInstrumentor().instrument(**settings)
idle, used = connect(), connect()
write(used)
report(is_plain=type(used) is pgdb.Connection)
sys.stdin.readline()
try:
    write(used)
except pgdb.Error as error:
    sqlstate = error.sqlstate
new = connect()
write(new)
report(sqlstate=sqlstate)
aurora_otel.AuroraInstrumentor().uninstrument()
