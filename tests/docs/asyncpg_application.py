"""As `pgdb_application.py`, on an event loop.

python asyncpg_application.py LOGIN SETTINGS: the arguments of `connect` and of `instrument()`.
"""

import asyncio
import json
import sys

import asyncpg

import aurora_otel

login, settings = map(json.loads, sys.argv[1:3])
WRITE = "INSERT INTO writes (x) VALUES ('asyncpg')"


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


async def main():
    idle, used = await asyncpg.connect(**login), await asyncpg.connect(**login)
    await used.execute(WRITE)
    report(is_plain=type(used) is asyncpg.Connection)
    await asyncio.to_thread(sys.stdin.readline)
    try:
        await used.execute(WRITE)
    except asyncpg.PostgresError as error:
        sqlstate = error.sqlstate
    new = await asyncpg.connect(**login)
    await new.execute(WRITE)
    report(sqlstate=sqlstate)
    assert idle.is_closed()


aurora_otel.AuroraInstrumentor().instrument(**settings)
asyncio.run(main())
aurora_otel.AuroraInstrumentor().uninstrument()
