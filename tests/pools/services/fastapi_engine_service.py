"""A FastAPI service on SQLAlchemy's `AsyncEngine` with asyncpg, as uvicorn serves it."""

import json
import os

from fastapi import FastAPI, Response
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine

place = json.loads(os.environ["SERVICE_DATABASE"])
login = {"username": place["user"], **{name: place[name] for name in ("password", "database")}}
engine = create_async_engine(
    URL.create("postgresql+asyncpg", host=place["ip"], port=place["port"], **login)
)
application = FastAPI()


@application.get("/write")
async def write(response: Response):
    response.headers["X-Process"] = str(os.getpid())
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO writes (x) VALUES ('fastapi')"))
    return "written"
