"""The application's sessions on either engine, so that each behaviour of a lab is tested once.

What sessions of both kinds do differently is in `connection`, the driver's own.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
import pymysql
from pymysql.constants import COMMAND

from aurora_otel.lab import resolving


class PostgresSession:
    """One of psycopg's."""

    engine = "postgresql"
    error = psycopg.OperationalError
    identity = "SELECT aurora_db_instance_identifier()"
    reader = "SELECT pg_is_in_recovery()"
    number = "SELECT pg_backend_pid()"
    version = "SELECT aurora_version()"
    status = (
        "SELECT server_id, session_id, extract(epoch FROM now() - last_update_timestamp)::float,"
        " replica_lag_in_msec FROM aurora_replica_status() ORDER BY server_id"
    )
    missing = psycopg.errors.UndefinedTable
    kill = "SELECT pg_terminate_backend(%s)"
    slow = "SELECT 'late', pg_sleep(0.3)"

    def __init__(self, cluster, target, **params):
        self.connection: Any = psycopg.connect(cluster.dsn(target, **params), autocommit=True)
        self.given_number = self.connection.info.backend_pid

    def run(self, statement, *params):
        cursor = self.connection.execute(statement, params or None)
        return cursor.fetchall() if cursor.description else []

    def send(self, statement):
        self.connection.pgconn.send_query(statement.encode())
        self.connection.pgconn.flush()

    def answer(self):
        """Return the first value of the answer to what was sent.

        libpq's own waiting keeps Python's global lock: the gateway's thread would never run.
        """
        results = []
        while not results or results[-1] is not None:
            while self.connection.pgconn.is_busy():
                assert select.select([self.fileno()], [], [], 10)[0], "no answer"
                self.connection.pgconn.consume_input()
            results.append(self.connection.pgconn.get_result())
        return results[0].get_value(0, 0).decode()

    def fileno(self):
        return self.connection.fileno()

    def close(self):
        self.connection.close()

    @staticmethod
    def refused(error):
        return getattr(error, "sqlstate", None) == "25006"

    @staticmethod
    def farewell(error):
        """Whether the server said something before it hung up."""
        return error.sqlstate is not None


class MySQLSession:
    """One of PyMySQL's."""

    engine = "mysql"
    error = pymysql.err.OperationalError
    identity = "SELECT @@aurora_server_id"
    reader = "SELECT @@innodb_read_only"
    number = "SELECT CONNECTION_ID()"
    version = "SELECT @@aurora_version"
    status = (
        "SELECT SERVER_ID, SESSION_ID,"
        " TIMESTAMPDIFF(MICROSECOND, LAST_UPDATE_TIMESTAMP, NOW(6)) / 1e6,"
        " REPLICA_LAG_IN_MILLISECONDS FROM information_schema.replica_host_status"
        " ORDER BY SERVER_ID IS NULL, SERVER_ID"
    )
    missing = pymysql.err.ProgrammingError
    kill = "KILL CONNECTION %s"
    slow = "SELECT 'late', SLEEP(0.3)"

    def __init__(self, cluster, target, *, host=None, application_name=None, **params):
        if application_name is not None:
            params["program_name"] = application_name
        # PyMySQL's own connect timeout ends with TCP's part of connecting.
        params.setdefault("read_timeout", params.get("connect_timeout"))
        with resolving(cluster.hosts):
            self.connection: Any = pymysql.connect(
                **{**cluster.parameters(target, host=host), **params}, autocommit=True
            )
        self.given_number = self.connection.thread_id()

    def run(self, statement, *params):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return list(cursor.fetchall())

    def send(self, statement):
        self.connection._execute_command(COMMAND.COM_QUERY, statement)

    def answer(self):
        """Return the first value of the answer to what was sent."""
        self.connection._read_query_result()
        return str(self.connection._result.rows[0][0])

    def fileno(self):
        return self.connection._sock.fileno()

    def close(self):
        if self.connection.open:
            self.connection._force_close()

    @staticmethod
    def refused(error):
        return error.args[0] == 1290 and "read-only" in error.args[1]

    @staticmethod
    def farewell(error):
        """Whether the server said something before it hung up."""
        return error.args[0] not in {2006, 2013}


SESSIONS = {kind.engine: kind for kind in (PostgresSession, MySQLSession)}


def instance(session):
    """Return the instance that a session landed on."""
    return session.run(session.identity)[0][0]


def role(session):
    """Return what an instance says about itself."""
    return "reader" if session.run(session.reader)[0][0] else "writer"


def view(session):
    """Return the rows of an instance's view of the topology: name, session, age, lag."""
    return session.run(session.status)


def named_writer(session):
    """Return the writer, as an instance's view names it."""
    return [name for name, session_id, *_ in view(session) if session_id == "MASTER_SESSION_ID"]


def exists(session, table):
    """Return whether there is such a table."""
    statement = "SELECT 1 FROM information_schema.tables WHERE table_name = %s"
    return bool(session.run(statement, table))


def is_silent(session, seconds=0.3):
    """Return whether no answer comes to what was sent."""
    return not select.select([session], [], [], seconds)[0]
