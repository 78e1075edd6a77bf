"""PyGreSQL, a driver that is added by one call."""

from __future__ import annotations

import pgdb

import aurora_otel
from tests.support.hang_ups import await_hang_up


def fileno(connection) -> int:
    return connection._cnx.fileno()


def backend_id(connection) -> int:
    return connection._cnx.backend_pid


def add(**traits) -> None:
    others = {"system": "postgresql", "fileno": fileno, "backend_id": backend_id}
    aurora_otel.instrument_dbapi(pgdb, **(others | traits))


def connect(cluster, **others):
    host, port = cluster.address("writer")
    login = {"user": cluster.user, "password": cluster.password, "database": cluster.database}
    return pgdb.connect(**{"host": host, "port": port, **login, **others})


def end(cluster, connection) -> None:
    session = backend_id(connection)
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int, 10000)", session)
    await_hang_up(connection)


def executed(connection, statement, *args):
    cursor = connection.cursor()
    cursor.execute(statement, *args)
    return cursor.rowcount, cursor.fetchall() if cursor.description else None
