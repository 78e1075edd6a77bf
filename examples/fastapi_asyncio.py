"""FastAPI with coroutines, and asyncpg: a connection that is opened again when it is lost."""

import asyncio
import os

import asyncpg
from fastapi import FastAPI
from psycopg.conninfo import conninfo_to_dict

place = conninfo_to_dict(os.environ["DATABASE_URL"])
application = FastAPI()
turn = asyncio.Lock()
connections: list[asyncpg.Connection] = []


async def connect() -> asyncpg.Connection:
    """Return the application's connection."""
    if not connections or connections[0].is_closed():
        connections[:] = [
            await asyncpg.connect(
                host=place.get("hostaddr", place["host"]),
                port=place["port"],
                user=place["user"],
                password=place["password"],
                database=place["dbname"],
                ssl=False,
            )
        ]
    return connections[0]


@application.post("/writes")
async def write() -> str:
    """Write a row."""
    async with turn:
        connection = await connect()
        await connection.execute("INSERT INTO writes (x) VALUES ('asyncpg')")
    return "written"
