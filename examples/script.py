"""A script that opens its connection again when it is lost: a row for each line of input."""

import os
import sys

import psycopg


def connect() -> psycopg.Connection:
    """Open the script's connection."""
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


connection = connect()
for _ in sys.stdin:
    try:
        connection.execute("INSERT INTO writes (x) VALUES ('script')")
        answer = "written"
    except psycopg.Error as error:
        answer = type(error).__name__
        if connection.closed:
            connection = connect()
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()
