"""FastAPI with plain functions, which it runs on threads, and psycopg_pool."""

import os

from fastapi import FastAPI
from psycopg_pool import ConnectionPool

pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, open=True)
application = FastAPI()


@application.post("/writes")
def write() -> str:
    """Write a row."""
    with pool.connection() as connection:
        connection.execute("INSERT INTO writes (x) VALUES ('fastapi')")
    return "written"
