"""A FastAPI service on asyncpg's pool, as uvicorn serves it."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Response

place = json.loads(os.environ["SERVICE_DATABASE"])
login = {name: place[name] for name in ("port", "user", "password", "database")}


@asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(host=place["ip"], **login) as pool:
        application.state.pool = pool
        yield


application = FastAPI(lifespan=lifespan)


@application.get("/write")
async def write(response: Response):
    response.headers["X-Process"] = str(os.getpid())
    async with application.state.pool.acquire() as connection, connection.transaction():
        await connection.execute("INSERT INTO writes (x) VALUES ('fastapi')")
    return "written"
