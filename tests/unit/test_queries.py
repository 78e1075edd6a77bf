"""The database's code of an error, as each driver gives it."""

import pg8000.dbapi
import psycopg.errors
import psycopg2
import pymysql
import pytest
from mysql.connector.errors import DatabaseError

from aurora_otel.telemetry.queries import status_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (psycopg.errors.ReadOnlySqlTransaction(), "25006"),
        (psycopg2.OperationalError("no server has answered"), None),
        (pymysql.OperationalError(1290, "read only"), "1290"),
        (pymysql.InterfaceError(0, "no server has answered"), None),
        (DatabaseError(errno=1792, msg="read only"), "1792"),
        (pg8000.dbapi.DatabaseError({"S": "ERROR", "C": "25006"}), "25006"),
        (pg8000.dbapi.DatabaseError({"S": "ERROR"}), None),
        (pg8000.dbapi.InterfaceError("network error"), None),
        (pg8000.dbapi.InterfaceError(), None),
        # Of the system, not of the database.
        (ConnectionResetError(104, "Connection reset by peer"), None),
    ],
)
def test_a_code_is_the_servers_and_no_other(error, code):
    assert status_code(error) == code
