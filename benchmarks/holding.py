"""A process that holds connections of one driver, and how much memory it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from aurora_otel.lab import Cluster
from benchmarks import fresh

POSTGRESQL, MYSQL = "postgresql", "mysql"


class Driver(NamedTuple):
    """How a driver's `connect` is called.

    Attributes:
        engine: what it talks to.
        module: has `connect`.
        database: what that calls the database.
        options: what else it is given.
    """

    engine: str
    module: str
    database: str = "database"
    options: Mapping[str, Any] = {}


DRIVERS = {
    "psycopg": Driver(POSTGRESQL, "psycopg", "dbname"),
    "psycopg2": Driver(POSTGRESQL, "psycopg2", "dbname"),
    "pg8000": Driver(POSTGRESQL, "pg8000"),
    "asyncpg": Driver(POSTGRESQL, "asyncpg"),
    "pymysql": Driver(MYSQL, "pymysql"),
    "mysqlclient": Driver(MYSQL, "MySQLdb"),
    "mysql-connector, pure": Driver(MYSQL, "mysql.connector", options={"use_pure": True}),
    "mysql-connector, C": Driver(MYSQL, "mysql.connector", options={"use_pure": False}),
    "mariadb": Driver(MYSQL, "mariadb"),
    "aiomysql": Driver(MYSQL, "aiomysql", "db"),
    "asyncmy": Driver(MYSQL, "asyncmy"),
    "mysql-connector-aio": Driver(MYSQL, "mysql.connector.aio", options={"ssl_disabled": True}),
}

_SCRIPT = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
given = json.loads(sys.argv[2])
from importlib import import_module
import asyncio, inspect
import opentelemetry.sdk.metrics, opentelemetry.sdk.trace, wrapt
from opentelemetry.instrumentation import dbapi, instrumentor, utils
from benchmarks.resident import resident
connect = import_module(given["module"]).connect
before = resident()
if given["is_ours"]:
    from aurora_otel import AuroraInstrumentor
    AuroraInstrumentor().instrument()
started = resident()
loop = asyncio.new_event_loop()

async def awaited(opened):
    return await opened

def connected():
    opened = connect(**given["login"])
    return loop.run_until_complete(awaited(opened)) if inspect.isawaitable(opened) else opened

held = [connected() for _ in range(given["count"])]
json.dump([started - before, resident() - before], sys.stdout)
sys.stdout.flush()
# Without their goodbyes, for which loops would have to run.
os._exit(0)
"""


class Taken(NamedTuple):
    """What a process takes beyond the modules that it begins with: MiB.

    Attributes:
        started: once it is instrumented, or not.
        connected: once it holds its connections.
    """

    started: float
    connected: float


def hold(name: str, cluster: Cluster, count: int, *, is_ours: bool) -> Taken:
    """Start a process that opens `count` connections; return what it takes."""
    driver = DRIVERS[name]
    host, port = cluster.address("writer")
    login = {"host": host, "port": port, "user": cluster.user, "password": cluster.password}
    login |= {driver.database: cluster.database, **driver.options}
    given = {"module": driver.module, "login": login, "count": count, "is_ours": is_ours}
    return Taken(*(kib / 1024 for kib in fresh.run(_SCRIPT, str(fresh.ROOT), json.dumps(given))))
