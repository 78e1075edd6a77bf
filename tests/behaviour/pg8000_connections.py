"""pg8000's connections, by each of its ways to connect."""

from __future__ import annotations

import pg8000
import pg8000.dbapi
import pg8000.native

from aurora_otel.drivers.pg8000 import Adapter
from tests.support.hang_ups import await_hang_up

APIS = {"dbapi": pg8000.dbapi.connect, "legacy": pg8000.connect, "native": pg8000.native.Connection}


def arguments(cluster, target="writer"):
    host, port = cluster.address(target)
    login = {"user": cluster.user, "password": cluster.password, "database": cluster.database}
    return {"host": host, "port": port, **login}


def connect(cluster, api="dbapi", **others):
    return APIS[api](**{**arguments(cluster), **others})


def session(connection) -> str:
    return Adapter().backend_id(connection)


def end(cluster, connection) -> None:
    cluster.execute(
        cluster.writer, "SELECT pg_terminate_backend(%s::int, 10000)", session(connection)
    )
    await_hang_up(connection)


def executed(connection, statement, *args, **kwargs):
    cursor = connection.cursor()
    cursor.execute(statement, *args, **kwargs)
    return cursor.description, cursor.rowcount, cursor.fetchall() if cursor.description else None
